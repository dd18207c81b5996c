#include "task/pairs.h"

#include "base/rng.h"

const char *const pairs_names[] = { [PAIRS_UNORDERED] = "unordered",
                                    [PAIRS_UNORDERED_DISTINCT] = "unordered_distinct",
                                    [PAIRS_ORDERED] = "ordered",
                                    NULL };

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
    *out = (struct task_shape){
        .n_train = n_train, .n_test = n - n_train, .width = 2, .vocabulary = r->p, .classes = r->p
    };
    return 0;
}

static struct dataset dataset_of(const struct pair_rule *r, const int32_t *token, size_t n, struct arena *a)
{
    int32_t *label = ARENA_NEW(a, n, int32_t);
    for (size_t i = 0; i < n; i++) label[i] = (int32_t)r->label(r->ctx, token[2 * i], token[2 * i + 1]);
    return (struct dataset){ .n = n, .width = 2, .token = token, .label = label };
}

static int draw_split(const struct pair_rule *r, uint64_t seed, struct arena *a, struct task_data *out, struct err *e)
{
    struct task_shape s;
    if (pairs_shape(r, &s, e)) return -1;
    size_t n = s.n_train + s.n_test;
    uint32_t *pair = ARENA_NEW(a, n, uint32_t);
    int32_t *token = ARENA_NEW(a, 2 * n, int32_t);
    list_pairs(r, pair);
    struct rng stream = rng_open(seed, "split");
    rng_shuffle(&stream, pair, n);
    for (size_t i = 0; i < n; i++) {
        token[2 * i] = (int32_t)(pair[i] / (uint32_t)r->p);
        token[2 * i + 1] = (int32_t)(pair[i] % (uint32_t)r->p);
    }
    out->train = dataset_of(r, token, s.n_train, a);
    out->test = dataset_of(r, token + 2 * s.n_train, s.n_test, a);
    return 0;
}

static int check_given(const struct pair_rule *r, const char *which, const int32_t *token, size_t n, struct err *e)
{
    if (n == 0) return err_set(e, ERR_SPEC, "the given split has no %s pairs", which);
    for (size_t i = 0; i < n; i++) {
        int64_t a = token[2 * i], b = token[2 * i + 1];
        if (a < 0 || b < 0 || a >= r->p || b >= r->p)
            return err_set(e, ERR_SPEC, "%s pair %zu of the given split is (%lld, %lld); allowed are 0 to %lld",
                           which, i, (long long)a, (long long)b, (long long)r->p - 1);
        if (r->label(r->ctx, a, b) < 0)
            return err_set(e, ERR_SPEC, "%s pair %zu of the given split is (%lld, %lld), %s", which, i, (long long)a,
                           (long long)b, r->no_label);
    }
    return 0;
}

int pairs_build(const struct pair_rule *r, uint64_t seed, const struct task_split *given, struct arena *a,
                struct task_data *out, struct err *e)
{
    *out = (struct task_data){ .vocabulary = r->p, .classes = r->p };
    if (!given || !given->train) return draw_split(r, seed, a, out, e);
    if (given->width != 2)
        return err_set(e, ERR_SPEC, "the given split has %zu columns; pairs (a, b) have 2", given->width);
    if (check_given(r, "training", given->train, given->n_train, e) ||
        check_given(r, "test", given->test, given->n_test, e))
        return -1;
    out->train = dataset_of(r, given->train, given->n_train, a);
    out->test = dataset_of(r, given->test, given->n_test, a);
    return 0;
}
