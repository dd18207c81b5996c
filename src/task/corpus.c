#include "task/corpus.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/text.h"
#include "disk/import.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MOST = 1 << 28 }; /* numbers of one array */

/* ---- one array ---- */

static int accept_vector(const void *ctx, size_t rank, const size_t *dim, struct err *e)
{
    (void)ctx;
    if (rank == 1 && dim[0] <= WORDS_MOST) return 0;
    return err_set(e, ERR_SPEC, "the arrays of a corpus are vectors of at most %d numbers", WORDS_MOST);
}

/* Whole numbers from 0 to `most`. */
static int read_vector(struct import_file *f, const char *path, const char *name, double most,
                       struct import_array *out, struct arena *scratch, struct err *e)
{
    if (import_read(out, f, name, accept_vector, NULL, scratch, e)) return -1;
    for (size_t i = 0; i < out->dim[0]; i++)
        if (out->value[i] != floor(out->value[i]) || out->value[i] < 0 || out->value[i] > most)
            return err_at(e, ERR_SPEC, path, NOWHERE, NULL, "array '%s' holds %g, its number %zu; allowed: 0 to %.0f",
                          name, out->value[i], i + 1, most);
    return 0;
}

/* ---- the corpus ---- */

static int broken(const char *path, const char *what, struct err *e)
{
    return err_at(e, ERR_SPEC, path, NOWHERE, NULL, "is no corpus: %s", what);
}

static int read_words(struct corpus *c, struct import_file *f, const char *path, struct arena *a,
                      struct arena *scratch, struct err *e)
{
    struct import_array letters;
    if (read_vector(f, path, "letters", UINT8_MAX, &letters, scratch, e)) return -1;
    const size_t n = letters.dim[0];
    char *text = arena_alloc(a, n + 1);
    for (size_t i = 0; i < n; i++) {
        text[i] = (char)(uint8_t)letters.value[i];
        c->words += !text[i];
    }
    if (n && text[n - 1]) return broken(path, "its letters do not end with a NUL", e);
    const char **word = ARENA_NEW(a, c->words, const char *);
    for (size_t i = 0, at = 0; i < c->words; at += strlen(text + at) + 1, i++) {
        word[i] = text + at;
        if (i && strcmp(word[i - 1], word[i]) >= 0)
            return broken(path, "its words are not in the order of their bytes", e);
    }
    c->word = word;
    return 0;
}

static int read_texts(struct corpus *c, struct import_file *f, const char *path, struct arena *a,
                      struct arena *scratch, struct err *e)
{
    struct import_array said, start, labels;
    if (read_vector(f, path, "said", (double)c->words - 1, &said, scratch, e) ||
        read_vector(f, path, "start", (double)said.dim[0], &start, scratch, e) ||
        read_vector(f, path, "label", 1, &labels, scratch, e))
        return -1;
    c->texts = labels.dim[0];
    if (start.dim[0] != c->texts + 1 || start.value[0] != 0 || start.value[c->texts] != (double)said.dim[0])
        return broken(path, "start does not say where each text begins, and where the last one ends", e);
    uint32_t *word = ARENA_NEW(a, said.dim[0], uint32_t);
    size_t *first = ARENA_NEW(a, c->texts + 1, size_t);
    int32_t *label = ARENA_NEW(a, c->texts, int32_t);
    for (size_t i = 0; i < said.dim[0]; i++) word[i] = (uint32_t)said.value[i];
    for (size_t i = 0; i <= c->texts; i++) {
        first[i] = (size_t)start.value[i];
        if (i && first[i] < first[i - 1]) return broken(path, "start goes back", e);
    }
    for (size_t i = 0; i < c->texts; i++) label[i] = (int32_t)labels.value[i];
    c->said = word;
    c->start = first;
    c->label = label;
    return 0;
}

static struct id digest_of(const struct corpus *c, struct arena *a)
{
    struct arena_mark m = arena_mark(a);
    struct id *part = ARENA_NEW(a, c->words + 3, struct id);
    for (size_t i = 0; i < c->words; i++) part[i] = id_of(c->word[i], strlen(c->word[i]));
    part[c->words] = id_of(c->said, c->start[c->texts] * sizeof *c->said);
    part[c->words + 1] = id_of(c->start, (c->texts + 1) * sizeof *c->start);
    part[c->words + 2] = id_of(c->label, c->texts * sizeof *c->label);
    const struct id whole = id_of(part, (c->words + 3) * sizeof *part);
    arena_rewind(a, m);
    return whole;
}

/* ---- the corpus of this process ---- */

static struct {
    struct arena arena;
    char *path; /* NULL: none */
    struct corpus corpus;
} held;

static int find_file(const char *file, const char *path, struct err *e)
{
    if (!access(file, F_OK)) return 0;
    return err_set(e, ERR_SPEC,
                   "there is no '%s': `python3 analysis/data.py imdb %s` makes it of aclImdb or of Kaggle's CSV file",
                   text_shown(file, 200), text_shown(text_shell(path), 200));
}

static int read_corpus(struct corpus *c, const char *path, struct err *e)
{
    struct arena scratch = { 0 };
    struct import_file *f;
    *c = (struct corpus){ 0 };
    struct buf file = { 0 };
    const size_t length = strlen(path);
    buf_print(&file, "%s%s", path, length > 4 && !strcmp(path + length - 4, ".npz") ? "" : ".npz");
    int rc = find_file(buf_chars(&file), path, e) || import_open(&f, buf_chars(&file), e);
    buf_release(&file);
    if (rc) return -1;
    rc = read_words(c, f, path, &held.arena, &scratch, e) || read_texts(c, f, path, &held.arena, &scratch, e);
    import_close(f);
    arena_release(&scratch);
    return rc ? -1 : 0;
}

int corpus_open(const char *path, const struct corpus **out, struct err *e)
{
    *out = &held.corpus;
    if (held.path && !strcmp(held.path, path)) return 0;
    arena_release(&held.arena);
    held.path = NULL;
    if (read_corpus(&held.corpus, path, e)) return -1;
    held.corpus.digest = digest_of(&held.corpus, &held.arena);
    held.path = arena_text(&held.arena, path, strlen(path));
    return 0;
}

size_t corpus_find(const struct corpus *c, const char *word)
{
    size_t low = 0, high = c->words;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(word, c->word[middle]);
        if (order == 0) return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return SIZE_MAX;
}
