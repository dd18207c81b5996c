#include "task/pairs.h"

#include "base/rng.h"
#include "base/text.h"

#include <string.h>

const char *const pairs_names[] = { [PAIRS_UNORDERED] = "unordered",
                                    [PAIRS_UNORDERED_DISTINCT] = "unordered_distinct",
                                    [PAIRS_ORDERED] = "ordered",
                                    NULL };

/* ---- layouts ---- */

enum { PLACES = 8 };
static const char *const places[] = { "a", "b", "op", "eq", "eos", NULL };

/* The words of a layout, as indices of places; how many, 0 if it is none. */
static size_t read_layout(const char *text, int word[PLACES], struct err *e)
{
    char name[FIELD_WORD];
    size_t n = 0, count[ARRAY_LEN(places)] = { 0 };
    for (const char *s = text; field_next_word(&s, name); n++) {
        int i = 0;
        if (n == PLACES) {
            err_set(e, ERR_SPEC, "'layout' has more than %d positions", PLACES);
            return 0;
        }
        while (places[i] && strcmp(places[i], name) != 0) i++;
        if (!places[i]) {
            names_unknown(e, NULL, name, places, "'layout' names '%s'; known", text_shown(name, 40));
            return 0;
        }
        count[i]++;
        word[n] = i;
    }
    if (count[0] == 1 && count[1] == 1) return n;
    err_set(e, ERR_SPEC, "'layout' must have a and b, each once, not '%s'", text_shown(text, 80));
    return 0;
}

int pairs_check_layout(const char *text, char *canonical, size_t size, struct err *e)
{
    int word[PLACES];
    struct buf out = { 0 };
    const size_t n = read_layout(text, word, e);
    for (size_t i = 0; i < n; i++) buf_print(&out, "%s%s", i ? "," : "[", places[word[i]]);
    buf_text(&out, "]");
    if (n) MUST(text_copy(canonical, size, buf_chars(&out), size));
    buf_release(&out);
    return n ? 0 : -1;
}

/* What stands at position i is symbol[i], or -1: a, -2: b. */
struct places {
    size_t width;
    int64_t symbol[PLACES], vocabulary;
};

static struct places places_of(const struct pair_rule *r)
{
    int word[PLACES];
    struct err e = { 0 };
    struct places out = { .vocabulary = r->apart ? 2 * r->p : r->p };
    out.width = read_layout(r->layout ? r->layout : "[a,b]", word, &e);
    MUST(out.width);
    for (size_t i = 0; i < out.width; i++) {
        size_t same = 0;
        while (word[same] != word[i]) same++;
        out.symbol[i] = word[i] < 2 ? -1 - word[i] : same < i ? out.symbol[same] : out.vocabulary++;
    }
    return out;
}

static void put_example(const struct pair_rule *r, const struct places *p, int32_t *token, int64_t a, int64_t b)
{
    for (size_t i = 0; i < p->width; i++)
        token[i] = (int32_t)(p->symbol[i] == -1 ? a : p->symbol[i] == -2 ? b + (r->apart ? r->p : 0) : p->symbol[i]);
}

/* ---- pairs ---- */

static int64_t first_b(const struct pair_rule *r, int64_t a)
{
    return r->pairs == PAIRS_ORDERED ? 0 : r->pairs == PAIRS_UNORDERED ? a : a + 1;
}

/* Pairs in lexicographic order, as a p + b, to pair unless it is NULL; returns how many. */
static size_t list_pairs(const struct pair_rule *r, uint32_t *pair)
{
    size_t n = 0;
    for (int64_t a = 0; a < r->p; a++)
        for (int64_t b = first_b(r, a); b < r->p; b++) {
            if (r->partial && r->label(r->ctx, a, b) < 0) continue;
            if (pair) pair[n] = (uint32_t)(a * r->p + b);
            n++;
        }
    return n;
}

int pairs_shape(const struct pair_rule *r, struct task_shape *out, struct err *e)
{
    size_t n = list_pairs(r, NULL), n_train;
    if (task_train_count(r->train, r->train_fraction, n, "pairs", &n_train, e)) return -1;
    const struct places p = places_of(r);
    *out = (struct task_shape){
        .n_train = n_train, .n_test = n - n_train, .width = p.width, .vocabulary = p.vocabulary, .classes = r->p
    };
    for (size_t i = 0; i < PLACES && i < p.width; i++) out->fixed |= (uint64_t)(p.symbol[i] >= 0) << i;
    return 0;
}

/* pair: (a, b) of each example. */
static struct dataset dataset_of(const struct pair_rule *r, const int32_t *pair, size_t n, struct arena *a)
{
    const struct places p = places_of(r);
    int32_t *label = ARENA_NEW(a, n, int32_t), *token = ARENA_NEW(a, n * p.width, int32_t);
    for (size_t i = 0; i < n; i++) {
        label[i] = (int32_t)r->label(r->ctx, pair[2 * i], pair[2 * i + 1]);
        put_example(r, &p, token + i * p.width, pair[2 * i], pair[2 * i + 1]);
    }
    return (struct dataset){ .n = n, .width = p.width, .token = token, .label = label };
}

static int draw_split(const struct pair_rule *r, uint64_t seed, struct arena *a, struct task_data *out, struct err *e)
{
    struct task_shape s;
    if (pairs_shape(r, &s, e)) return -1;
    size_t n = s.n_train + s.n_test;
    uint32_t *pair = ARENA_NEW(a, n, uint32_t);
    int32_t *both = ARENA_NEW(a, 2 * n, int32_t);
    list_pairs(r, pair);
    struct rng stream = rng_open(seed, "split");
    rng_shuffle(&stream, pair, n);
    for (size_t i = 0; i < n; i++) {
        both[2 * i] = (int32_t)(pair[i] / (uint32_t)r->p);
        both[2 * i + 1] = (int32_t)(pair[i] % (uint32_t)r->p);
    }
    out->train = dataset_of(r, both, s.n_train, a);
    out->test = dataset_of(r, both + 2 * s.n_train, s.n_test, a);
    return 0;
}

/* Examples as the layout has them -> pairs.  which: of the two sets, for errors. */
static int read_given(const struct pair_rule *r, const char *which, const int32_t *token, size_t n,
                      struct arena *arena, int32_t **out, struct err *e)
{
    const struct places p = places_of(r);
    int32_t *pair = *out = ARENA_NEW(arena, 2 * n, int32_t), example[PLACES];
    if (n == 0) return err_set(e, ERR_SPEC, "the given split has no %s pairs", which);
    for (size_t i = 0; i < n; i++, token += p.width) {
        for (size_t j = 0; j < p.width; j++)
            if (p.symbol[j] < 0) pair[2 * i + (p.symbol[j] == -2)] = token[j];
        if (r->apart) pair[2 * i + 1] -= (int32_t)r->p;
        const int64_t a = pair[2 * i], b = pair[2 * i + 1];
        if (a < 0 || b < 0 || a >= r->p || b >= r->p)
            return err_set(e, ERR_SPEC, "%s pair %zu of the given split is (%lld, %lld); allowed are 0 to %lld",
                           which, i, (long long)a, (long long)b, (long long)r->p - 1);
        if (r->label(r->ctx, a, b) < 0)
            return err_set(e, ERR_SPEC, "%s pair %zu of the given split is (%lld, %lld), %s", which, i, (long long)a,
                           (long long)b, r->no_label);
        put_example(r, &p, example, a, b);
        if (memcmp(example, token, p.width * sizeof *token) != 0)
            return err_set(e, ERR_SPEC, "%s example %zu of the given split is not laid out as %s", which, i,
                           r->layout);
    }
    return 0;
}

int pairs_build(const struct pair_rule *r, uint64_t seed, const struct task_split *given, struct arena *a,
                struct task_data *out, struct err *e)
{
    const struct places p = places_of(r);
    int32_t *train, *test;
    *out = (struct task_data){ .vocabulary = p.vocabulary, .classes = r->p };
    if (!given || !given->train) return draw_split(r, seed, a, out, e);
    if (given->width != p.width)
        return err_set(e, ERR_SPEC, "the given split has %zu columns; %s have %zu", given->width,
                       r->layout && p.width != 2 ? "these examples" : "pairs (a, b)", p.width);
    if (read_given(r, "training", given->train, given->n_train, a, &train, e) ||
        read_given(r, "test", given->test, given->n_test, a, &test, e))
        return -1;
    out->train = dataset_of(r, train, given->n_train, a);
    out->test = dataset_of(r, test, given->n_test, a);
    return 0;
}
