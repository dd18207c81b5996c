/* Texts with labels: the file of a corpus, the tasks imdb and sentiment. */
#include "engine.h"

#include "arrays_fixture.h"
#include "task/corpus.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* *state: a folder of the test's own. */
static int folder_setup(void **state)
{
    char name[] = "/tmp/tombola-test-XXXXXX";
    if (!mkdtemp(name)) return -1;
    *state = strdup(name);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int folder_teardown(void **state)
{
    nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return 0;
}

static const char *file_in(void **state, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", (const char *)*state, name);
    return path;
}

/* ---- the file ---- */

static int open_corpus(void **state, const char *name, struct corpus *out, struct err *e)
{
    const struct corpus *c;
    memset(e, 0, sizeof *e);
    if (corpus_open("/nowhere", &c, e)) memset(e, 0, sizeof *e); /* what was read before is forgotten */
    if (corpus_open(file_in(state, name), &c, e)) return -1;
    *out = *c;
    return 0;
}

static struct corpus corpus_of(void **state, const char *const *text, const uint8_t *label, size_t texts)
{
    struct corpus c;
    struct err e;
    write_corpus(file_in(state, "x.npz"), text, label, texts);
    if (open_corpus(state, "x.npz", &c, &e)) fail_msg("%s", e.text);
    return c;
}

static void a_corpus_is_what_its_file_says(void **state)
{
    static const char *const words[] = { "a", "again", "film", "good" }, *const text[] = { "good film", "",
                                                                                           "a film again" };
    const struct corpus c = corpus_of(state, text, (const uint8_t[]){ 1, 0, 1 }, 3);
    assert_true(c.texts == 3 && c.words == ARRAY_LEN(words) && c.label[0] == 1 && c.label[1] == 0);
    for (size_t i = 0; i < c.words; i++) {
        assert_string_equal(c.word[i], words[i]);
        assert_int_equal(corpus_find(&c, words[i]), i);
    }
    assert_true(corpus_find(&c, "br") == SIZE_MAX && corpus_find(&c, "zz") == SIZE_MAX);
    assert_memory_equal(c.said, ((const uint32_t[]){ 3, 2, 0, 2, 1 }), 5 * sizeof *c.said);
    assert_memory_equal(c.start, ((const size_t[]){ 0, 2, 2, 5 }), 4 * sizeof *c.start);
}

static void the_digest_is_of_all_that_is_said(void **state)
{
    static const struct {
        const char *text[2];
        uint8_t label[2];
        size_t texts;
    } other[] = { { { "a b", "c" }, { 1, 0 }, 2 }, { { "a b", "c" }, { 0, 0 }, 2 }, { { "a", "b c" }, { 1, 0 }, 2 },
                  { { "a b", "d" }, { 1, 0 }, 2 }, { { "a b" }, { 1 }, 1 },         { { "b a", "c" }, { 1, 0 }, 2 } };
    struct id seen[ARRAY_LEN(other)];
    for (size_t i = 0; i < ARRAY_LEN(other); i++) {
        seen[i] = corpus_of(state, other[i].text, other[i].label, other[i].texts).digest;
        for (size_t j = 0; j < i; j++) assert_false(id_equal(seen[i], seen[j]));
    }
}

static void faults_of_files_are_named(void **state)
{
    static const uint8_t letters[] = "a\0b", swapped[] = "b\0a", one[] = { 1 };
    static const struct {
        const uint8_t *letters;
        uint64_t letter_bytes, said[2], start[2];
        size_t starts;
        const char *says;
    } wrong[] = {
        { letters, 4, { 0, 1 }, { 0, 2 }, 2, NULL },
        { letters, 3, { 0, 1 }, { 0, 2 }, 2, "its letters do not end with a NUL" },
        { swapped, 4, { 0, 1 }, { 0, 2 }, 2, "its words are not in the order of their bytes" },
        { letters, 4, { 0, 2 }, { 0, 2 }, 2, "array 'said' holds 2, its number 2; allowed: 0 to 1" },
        { letters, 4, { 0, 1 }, { 0, 3 }, 2, "array 'start' holds 3" },
        { letters, 4, { 0, 1 }, { 0, 1 }, 2, "start does not say where each text begins" },
        { letters, 4, { 0, 1 }, { 0, 2 }, 1, "start does not say where each text begins" },
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct corpus c;
        struct err e;
        const struct archive_array array[] = {
            { .name = "letters",
              .type = COLUMN_U8,
              .rank = 1,
              .dim = { wrong[i].letter_bytes },
              .data = wrong[i].letters },
            { .name = "said", .type = COLUMN_U64, .rank = 1, .dim = { 2 }, .data = wrong[i].said },
            { .name = "start", .type = COLUMN_U64, .rank = 1, .dim = { wrong[i].starts }, .data = wrong[i].start },
            { .name = "label", .type = COLUMN_U8, .rank = 1, .dim = { 1 }, .data = one },
        };
        write_npz(file_in(state, "x.npz"), array, ARRAY_LEN(array));
        const int rc = open_corpus(state, "x.npz", &c, &e);
        if (!wrong[i].says) assert_int_equal(rc, 0);
        if (wrong[i].says && (!rc || e.kind != ERR_SPEC || !strstr(e.text, wrong[i].says)))
            fail_msg("'%s' does not say '%s'", e.text, wrong[i].says);
    }
    struct corpus c;
    struct err e;
    assert_int_equal(open_corpus(state, "reviews", &c, &e), -1);
    assert_non_null(strstr(e.text, "reviews.npz': `python3 analysis/data.py imdb "));
    const uint8_t many[4] = { 0 };
    const struct archive_array matrix = {
        .name = "letters", .type = COLUMN_U8, .rank = 2, .dim = { 2, 2 }, .data = many
    };
    write_npz(file_in(state, "x.npz"), &matrix, 1);
    assert_int_equal(open_corpus(state, "x.npz", &c, &e), -1);
    assert_non_null(strstr(e.text, "the arrays of a corpus are vectors"));
    uint64_t back[] = { 0, 1, 0, 2 };
    const struct archive_array goes_back[] = {
        { .name = "letters", .type = COLUMN_U8, .rank = 1, .dim = { 4 }, .data = letters },
        { .name = "said", .type = COLUMN_U64, .rank = 1, .dim = { 2 }, .data = (const uint64_t[]){ 0, 1 } },
        { .name = "start", .type = COLUMN_U64, .rank = 1, .dim = { 4 }, .data = back },
        { .name = "label", .type = COLUMN_U8, .rank = 1, .dim = { 3 }, .data = many },
    };
    write_npz(file_in(state, "x.npz"), goes_back, ARRAY_LEN(goes_back));
    assert_int_equal(open_corpus(state, "x.npz", &c, &e), -1);
    assert_non_null(strstr(e.text, "is no corpus: start goes back"));
}

/* ---- the task ---- */

static struct task_data imdb(void **state, struct arena *a, const char *settings, uint64_t seed)
{
    struct err e = { 0 };
    struct task_shape shape;
    struct task_data data;
    char text[320];
    snprintf(text, sizeof text, "data=%s %s", file_in(state, "x.npz"), settings);
    const void *config = config_of(a, &task_imdb.kind, text);
    if (task_imdb.shape(config, &shape, &e) || task_imdb.build(config, seed, NULL, a, &data, &e))
        fail_msg("%s", e.text);
    assert_true(shape.n_train == data.train.n && shape.n_test == data.test.n && shape.width == data.train.width);
    assert_true(shape.vocabulary == data.vocabulary && shape.classes == 1 && data.classes == 1);
    return data;
}

/* Reviews that all say the same: whichever are trained on, the vocabulary is one. */
static void the_vocabulary_is_by_frequency_then_by_bytes(void **state)
{
    struct arena a = { 0 };
    const char *text[9];
    uint8_t label[9];
    for (int i = 0; i < 9; i++) {
        text[i] = "c b the a b d";
        label[i] = i % 2 != 0;
    }
    write_corpus(file_in(state, "x.npz"), text, label, 9);
    const struct {
        const char *settings;
        size_t train, test, width;
        int32_t want[6];
    } of[] = {
        { "length=6", 7, 2, 6, { 0, 0, 0, 2, 1, 1 } }, /* a and d are stop words */
        { "length=6 pad=right", 7, 2, 6, { 2, 1, 1, 0, 0, 0 } },
        { "length=6 stop_words=true", 7, 2, 6, { 3, 1, 5, 2, 1, 4 } },
        { "length=4 stop_words=true vocabulary=3", 7, 2, 4, { 3, 1, 2, 1 } },
        { "length=2 stop_words=true vocabulary=3", 7, 2, 2, { 3, 1 } },
        { "length=2 stop_words=true vocabulary=3 keep=end pad=right", 7, 2, 2, { 2, 1 } },
        { "length=3 vocabulary=1 reviews=4 test_fraction=0.5", 2, 2, 3, { 0, 1, 1 } },
    };
    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        const struct task_data d = imdb(state, &a, of[i].settings, i);
        assert_true(d.train.n == of[i].train && d.test.n == of[i].test && d.train.width == of[i].width);
        for (size_t j = 0; j < d.train.n; j++)
            assert_memory_equal(d.train.token + j * of[i].width, of[i].want, of[i].width * sizeof *of[i].want);
        for (size_t j = 0; j < d.test.n; j++)
            assert_memory_equal(d.test.token + j * of[i].width, of[i].want, of[i].width * sizeof *of[i].want);
    }
    arena_release(&a);
}

/* Every review has a word of its own, and "film": a test review's own word is in no vocabulary. */
static void what_only_test_reviews_say_is_dropped(void **state)
{
    enum { N = 40 };
    struct arena a = { 0 };
    static char own[N][16];
    const char *review[N];
    uint8_t label[N];
    for (int i = 0; i < N; i++) {
        snprintf(own[i], sizeof own[i], "film x%c%c", 'a' + i / 10, 'a' + i % 10);
        review[i] = own[i];
        label[i] = i < N / 2;
    }
    write_corpus(file_in(state, "x.npz"), review, label, N);
    int32_t labels[3][N];
    for (uint64_t seed = 0; seed < 3; seed++) {
        const struct task_data d = imdb(state, &a, "length=2", seed);
        int seen[N] = { 0 }, positive = 0;
        assert_true(d.train.n == 30 && d.test.n == 10);
        for (size_t i = 0; i < 30; i++) {
            assert_int_equal(d.train.token[2 * i], 1);
            seen[d.train.token[2 * i + 1]]++;
            positive += labels[seed][i] = d.train.label[i];
        }
        for (size_t i = 2; i < 32; i++) assert_int_equal(seen[i], 1);
        for (size_t i = 0; i < 10; i++) {
            assert_true(d.test.token[2 * i] == 0 && d.test.token[2 * i + 1] == 1);
            positive += labels[seed][30 + i] = d.test.label[i];
        }
        assert_int_equal(positive, N / 2);
        assert_true(seed == 0 || memcmp(labels[seed], labels[seed - 1], sizeof *labels));
    }
    arena_release(&a);
}

static void sizes_that_do_not_fit_are_refused(void **state)
{
    static const char *const wrong[][2] = {
        { "reviews=7", "x.npz' holds 6 reviews, not 7" },
        { "reviews=3", "test_fraction 0.25 of 3 reviews leaves no test examples" },
    };
    static const char *const six[6] = { "a", "b", "c", "d", "e", "f" };
    write_corpus(file_in(state, "x.npz"), six, (const uint8_t[6]){ 1 }, 6);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct arena a = { 0 };
        struct err e = { 0 };
        struct task_shape shape;
        char text[320];
        snprintf(text, sizeof text, "data=%s %s", file_in(state, "x.npz"), wrong[i][0]);
        assert_int_equal(task_imdb.shape(config_of(&a, &task_imdb.kind, text), &shape, &e), -1);
        if (!strstr(e.text, wrong[i][1])) fail_msg("%s", e.text);
        arena_release(&a);
    }
}

/* ---- made-up texts ---- */

enum { POLAR = 3, NEUTRAL = 4, LENGTH = 9, TEXTS = 2000 };

/* 1 and -1 for texts where positive and negative words prevail. */
static int verdict(const int32_t *token)
{
    int score = 0, sign = 1;
    for (size_t i = 0; i < LENGTH; i++) {
        if (token[i] >= 2 && token[i] < 2 + 2 * POLAR) score += token[i] < 2 + POLAR ? sign : -sign;
        sign = token[i] == 1 ? -1 : 1;
    }
    return (score > 0) - (score < 0);
}

static void check_texts(const struct dataset *d)
{
    size_t negations = 0, positive = 0, length[LENGTH + 1] = { 0 };
    for (size_t i = 0; i < d->n; i++) {
        const int32_t *token = d->token + i * LENGTH;
        size_t padding = 0;
        while (padding < LENGTH && token[padding] == 0) padding++;
        length[LENGTH - padding]++;
        for (size_t t = padding; t < LENGTH; t++) {
            assert_in_range(token[t], 1, 1 + 2 * POLAR + NEUTRAL);
            negations += token[t] == 1;
            if (token[t] == 1) assert_true(t + 1 < LENGTH && token[t + 1] >= 2 && token[t + 1] < 2 + 2 * POLAR);
        }
        assert_int_equal(verdict(token), d->label[i] ? 1 : -1);
        positive += (size_t)d->label[i];
    }
    assert_true(length[0] == 0 && length[1] == 0 && length[2] > 20 && length[8] > 20 && length[9] == 0);
    assert_true(negations > d->n / 4);
    close_to((double)positive, (double)d->n / 2, 5 * sqrt((double)d->n) / 2, "positive texts");
}

static void made_up_texts_mean_what_their_labels_say(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct err e = { 0 };
    struct task_data d[3];
    const void *config = config_of(&a, &task_sentiment.kind,
                                   "polar=3 neutral=4 length=9 shortest=2 longest=8 n_train=2000 n_test=1000");
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(task_sentiment.build(config, i / 2, NULL, &a, &d[i], &e), 0);
        assert_true(d[i].train.n == TEXTS && d[i].test.n == TEXTS / 2 && d[i].vocabulary == 2 + 2 * POLAR + NEUTRAL);
        check_texts(&d[i].train);
        check_texts(&d[i].test);
    }
    const size_t bytes = TEXTS * LENGTH * sizeof(int32_t);
    assert_memory_equal(d[0].train.token, d[1].train.token, bytes);
    assert_memory_not_equal(d[0].train.token, d[2].train.token, bytes);
    assert_memory_not_equal(d[0].train.token, d[0].test.token, bytes / 2);
    config = config_of(&a, &task_sentiment.kind, "length=9 shortest=8 longest=7");
    assert_int_equal(task_sentiment.build(config, 0, NULL, &a, &d[0], &e), -1);
    assert_string_equal(e.text, "shortest, longest and length must not descend: they are 8, 7 and 9");
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_corpus_is_what_its_file_says, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(the_digest_is_of_all_that_is_said, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(faults_of_files_are_named, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(the_vocabulary_is_by_frequency_then_by_bytes, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(what_only_test_reviews_say_is_dropped, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(sizes_that_do_not_fit_are_refused, folder_setup, folder_teardown),
        cmocka_unit_test(made_up_texts_mean_what_their_labels_say),
    };
    return cmocka_run_group_tests_name("corpus", tests, NULL, NULL);
}
