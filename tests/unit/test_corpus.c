/* Texts with labels: tokeniser, corpus files, the tasks imdb and sentiment. */
#include "engine.h"

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

static void white_space_and_line_breaks_split_words(void **state)
{
    (void)state;
    const char *const cases[][2] = {
        { "A good film.", "a good film" },
        { "Don't miss it -- 10/10!", "dont miss it" },
        { "so bad.<br /><br />The end<BR>of\tit<br/>all", "so bad the end of it all" },
        { "a<b and <brown> x<br", "ab and brown xbr" },
        { "well-made\n\r\n\f\vun_usual", "wellmade unusual" },
        { "Caf\xc3\xa9 NO\xc3\x8bL", "caf\xc3\xa9 no\xc3\x8bl" },
        { " 1999 ... ", "" },
        { "", "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct word_reader r = { .at = cases[i][0], .end = cases[i][0] + strlen(cases[i][0]) };
        struct buf all = { 0 };
        while (corpus_next_word(&r)) buf_print(&all, "%s%s", all.length ? " " : "", buf_chars(&r.word));
        assert_string_equal(buf_chars(&all), cases[i][1]);
        assert_false(corpus_next_word(&r));
        buf_release(&all);
        buf_release(&r.word);
    }
}

/* ---- files ---- */

static void write_file(void **state, const char *name, const char *text)
{
    FILE *f = fopen(file_in(state, name), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
}

static void write_folder(void **state, const char *root)
{
    static const char *const part[] = { "", "/train", "/test", "/train/pos", "/train/neg", "/test/pos", "/test/neg" };
    static const char *const text[][2] = {
        { "train/pos/0_9.txt", "A \"great\" film,<br />really." },
        { "train/pos/1_7.txt", "Great, again" },
        { "train/neg/0_1.txt", "Not\ngood" },
        { "test/pos/0_10.txt", "" },
        { "test/neg/0_4.txt", "bad bad film" },
        { "test/neg/1_4.txt", "bad bad film" },
        { "test/neg/notes", "no review" },
    };
    char name[128];
    for (size_t i = 0; i < ARRAY_LEN(part); i++) {
        snprintf(name, sizeof name, "%s%s", root, part[i]);
        assert_int_equal(mkdir(file_in(state, name), 0777), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(text); i++) {
        snprintf(name, sizeof name, "%s/%s", root, text[i][0]);
        write_file(state, name, text[i][1]);
    }
}

/* What write_folder writes, in another order. */
static const char same[] = "review,sentiment\r\n"
                           "bad bad film,negative\r\n"
                           "\"Great, again\",positive\r\n"
                           ",positive\n"
                           "\"A \"\"great\"\" film,<br />really.\",\"positive\"\n"
                           "\"Not\ngood\",negative\n"
                           "bad bad film,negative";

static struct corpus corpus_of(void **state, const char *name)
{
    const struct corpus *c;
    struct err e = { 0 };
    if (corpus_open(file_in(state, name), &c, &e)) fail_msg("%s", e.text);
    return *c;
}

static void both_layouts_say_the_same(void **state)
{
    static const char *const words[] = { "a", "again", "bad", "film", "good", "great", "not", "really" };
    write_folder(state, "folder");
    write_file(state, "same.csv", same);
    struct corpus c = corpus_of(state, "folder");
    const struct id digest = c.digest;
    assert_int_equal(c.texts, 6);
    assert_int_equal(c.words, ARRAY_LEN(words));
    for (size_t i = 0; i < c.words; i++) {
        assert_string_equal(c.word[i], words[i]);
        assert_int_equal(corpus_find(&c, words[i]), i);
    }
    assert_true(corpus_find(&c, "br") == SIZE_MAX && corpus_find(&c, "zz") == SIZE_MAX);
    int positive = 0;
    for (size_t i = 0; i < c.texts; i++) positive += c.label[i];
    assert_int_equal(positive, 3);
    uint32_t said[16];
    memcpy(said, c.said, c.start[6] * sizeof *said);
    assert_int_equal(c.start[6], 14);
    c = corpus_of(state, "same.csv");
    assert_true(id_equal(c.digest, digest));
    assert_memory_equal(c.said, said, c.start[6] * sizeof *said);
    c = corpus_of(state, "folder");
    assert_true(id_equal(c.digest, digest));
}

static void the_digest_is_of_all_that_is_said(void **state)
{
    static const char *const other[] = {
        "review,sentiment\na b,positive\nc,negative\n",
        "review,sentiment\na b,negative\nc,negative\n",
        "review,sentiment\na,positive\nb c,negative\n",
        "review,sentiment\na b,positive\nd,negative\n",
        "review,sentiment\na b,positive\n",
        "review,sentiment\nb a,positive\nc,negative\n",
    };
    struct id seen[ARRAY_LEN(other)];
    for (size_t i = 0; i < ARRAY_LEN(other); i++) {
        char name[16];
        snprintf(name, sizeof name, "%zu.csv", i);
        write_file(state, name, other[i]);
        seen[i] = corpus_of(state, name).digest;
        for (size_t j = 0; j < i; j++) assert_false(id_equal(seen[i], seen[j]));
    }
}

static void refused(void **state, const char *name, const char *why)
{
    const struct corpus *c;
    struct err e = { 0 };
    char want[512];
    assert_int_equal(corpus_open(file_in(state, name), &c, &e), -1);
    assert_int_equal(e.kind, ERR_SPEC);
    snprintf(want, sizeof want, "'%s%s", file_in(state, name), why);
    if (strncmp(e.text, want, strlen(want))) fail_msg("got: %s\nwant: %s", e.text, want);
}

static void faults_of_files_are_named(void **state)
{
    static const char *const wrong[][2] = {
        { "", "', line 1: a row must have two fields" },
        { "text,label\na,positive\n", "', line 1: the first line must be review,sentiment" },
        { "review,sentiment\n", "' holds no reviews" },
        { "review,sentiment\na,positive\nb,fine\n", "', line 3: the sentiment must be positive or negative" },
        { "review,sentiment\n\"a\nb\",positive\nc\n", "', line 4: a row must have two fields" },
        { "review,sentiment\na,b,positive\n", "', line 2: a row must have two fields" },
        { "review,sentiment\n\"a\n\nb,positive\n", "', line 2: the quote that begins here is never closed" },
        { "review,sentiment\n\"a\"b,positive\n", "', line 2: text behind a closing quote" },
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char name[16];
        snprintf(name, sizeof name, "%zu.csv", i);
        write_file(state, name, wrong[i][0]);
        refused(state, name, wrong[i][1]);
    }
    refused(state, "nowhere", "' cannot be read: No such file or directory; wanted: a folder with train/pos");
    write_folder(state, "folder");
    remove(file_in(state, "folder/test/pos/0_10.txt"));
    refused(state, "folder", "/test/pos' holds no *.txt");
    remove(file_in(state, "folder/test/pos"));
    refused(state, "folder", "/test/pos' cannot be read: No such file or directory; wanted");
}

/* ---- the task ---- */

static struct task_data imdb(void **state, struct arena *a, const char *settings, uint64_t seed)
{
    struct err e = { 0 };
    struct task_shape shape;
    struct task_data data;
    char text[320];
    snprintf(text, sizeof text, "data=%s %s", file_in(state, "x.csv"), settings);
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
    struct buf csv = { 0 };
    buf_text(&csv, "review,sentiment\n");
    for (int i = 0; i < 9; i++) buf_print(&csv, "c b The a b. d,%s\n", i % 2 ? "positive" : "negative");
    write_file(state, "x.csv", buf_chars(&csv));
    buf_release(&csv);
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
    struct buf csv = { 0 };
    buf_text(&csv, "review,sentiment\n");
    for (int i = 0; i < N; i++)
        buf_print(&csv, "film x%c%c,%s\n", 'a' + i / 10, 'a' + i % 10, i < N / 2 ? "positive" : "negative");
    write_file(state, "x.csv", buf_chars(&csv));
    buf_release(&csv);
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
        { "reviews=7", "x.csv' holds 6 reviews, not 7" },
        { "reviews=3", "test_fraction 0.25 of 3 reviews leaves no test examples" },
    };
    write_file(state, "x.csv", same);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct arena a = { 0 };
        struct err e = { 0 };
        struct task_shape shape;
        char text[320];
        snprintf(text, sizeof text, "data=%s %s", file_in(state, "x.csv"), wrong[i][0]);
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
        cmocka_unit_test(white_space_and_line_breaks_split_words),
        cmocka_unit_test_setup_teardown(both_layouts_say_the_same, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(the_digest_is_of_all_that_is_said, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(faults_of_files_are_named, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(the_vocabulary_is_by_frequency_then_by_bytes, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(what_only_test_reviews_say_is_dropped, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(sizes_that_do_not_fit_are_refused, folder_setup, folder_teardown),
        cmocka_unit_test(made_up_texts_mean_what_their_labels_say),
    };
    return cmocka_run_group_tests_name("corpus", tests, NULL, NULL);
}
