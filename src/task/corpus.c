#include "task/corpus.h"

#include "base/arena.h"
#include "task/corpus_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void gathering_release(struct gathering *g)
{
    buf_release(&g->letters);
    buf_release(&g->reader.word);
    free(g->word);
    free(g->said);
    free(g->text);
    map_release(&g->number);
}

/* ---- an order that depends on what is said alone ---- */

struct entry {
    const char *word;
    uint32_t number;
};

static int by_word(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->word, ((const struct entry *)b)->word);
}

static void sort_words(struct gathering *g, struct corpus *c, struct arena *a)
{
    c->words = g->words;
    struct arena_mark m;
    const char **word = ARENA_NEW(a, c->words, const char *);
    char *letters = arena_text(a, buf_chars(&g->letters), g->letters.length);
    c->word = word;
    m = arena_mark(a);
    struct entry *entry = ARENA_NEW(a, c->words, struct entry);
    uint32_t *rank = ARENA_NEW(a, c->words, uint32_t);
    for (uint32_t i = 0; i < c->words; i++) entry[i] = (struct entry){ letters + g->word[i], i };
    qsort(entry, c->words, sizeof *entry, by_word);
    for (uint32_t i = 0; i < c->words; i++) {
        word[i] = entry[i].word;
        rank[entry[i].number] = i;
    }
    for (size_t i = 0; i < g->all; i++) g->said[i] = rank[g->said[i]];
    arena_rewind(a, m);
}

struct text {
    struct id id; /* of its words */
    size_t first, count;
    int32_t label;
};

static int by_id(const void *a, const void *b)
{
    const struct text *x = a, *y = b;
    if (x->id.high != y->id.high) return x->id.high < y->id.high ? -1 : 1;
    if (x->id.low != y->id.low) return x->id.low < y->id.low ? -1 : 1;
    return (x->label > y->label) - (x->label < y->label);
}

static struct text *list_texts(const struct gathering *g, struct arena *a)
{
    struct text *text = ARENA_NEW(a, g->texts, struct text);
    for (size_t i = 0; i < g->texts; i++) {
        const size_t first = g->text[i].first, count = (i + 1 < g->texts ? g->text[i + 1].first : g->all) - first;
        const struct id id = id_of(count ? (const void *)(g->said + first) : "", count * sizeof *g->said);
        text[i] = (struct text){ id, first, count, g->text[i].label };
    }
    qsort(text, g->texts, sizeof *text, by_id);
    return text;
}

static void sort_texts(const struct gathering *g, struct corpus *c, struct arena *a)
{
    c->texts = g->texts;
    uint32_t *said = ARENA_NEW(a, g->all, uint32_t);
    size_t *start = ARENA_NEW(a, c->texts + 1, size_t);
    int32_t *label = ARENA_NEW(a, c->texts, int32_t);
    struct arena_mark m = arena_mark(a);
    const struct text *text = list_texts(g, a);
    for (size_t i = 0; i < c->texts; i++) {
        if (text[i].count) memcpy(said + start[i], g->said + text[i].first, text[i].count * sizeof *said);
        start[i + 1] = start[i] + text[i].count;
        label[i] = text[i].label;
    }
    arena_rewind(a, m);
    c->said = said;
    c->start = start;
    c->label = label;
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

int corpus_open(const char *path, const struct corpus **out, struct err *e)
{
    *out = &held.corpus;
    if (held.path && !strcmp(held.path, path)) return 0;
    arena_release(&held.arena);
    held.path = NULL;
    struct gathering g = { 0 };
    const int rc = corpus_gather_files(&g, path, e);
    if (!rc) {
        sort_words(&g, &held.corpus, &held.arena);
        sort_texts(&g, &held.corpus, &held.arena);
        held.corpus.digest = digest_of(&held.corpus, &held.arena);
        held.path = arena_text(&held.arena, path, strlen(path));
    }
    gathering_release(&g);
    return rc;
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
