#include "base/rng.h"
#include "task/expression.h"
#include "task/task.h"

#include <stddef.h>

struct modular_config {
    char expr[EXPRESSION_SIZE];
    int64_t p;
    int pairs;
    double train_fraction;
};

enum pairs { UNORDERED, UNORDERED_DISTINCT, ORDERED };
static const char *const pairs_names[] = { "unordered", "unordered_distinct", "ordered", NULL };

static int check_expr(const char *text, char *canonical, size_t size, struct err *e)
{
    struct expression x;
    MUST(size == EXPRESSION_SIZE);
    return expression_parse(&x, text, canonical, e);
}

static const struct field fields[] = {
    { .key = "expr",
      .type = FIELD_TEXT,
      .offset = offsetof(struct modular_config, expr),
      .count = EXPRESSION_SIZE,
      .unit = "",
      .check = check_expr,
      .help =
          "the label: an expression in a and b with + - * / ^ ( ) and whole numbers, modulo p; / multiplies by the "
          "inverse (p prime; pairs that divide by 0 are left out); random: labels drawn for each pair" },
    { .key = "p",
      .type = FIELD_INT,
      .offset = offsetof(struct modular_config, p),
      .range = "[2, 1000]",
      .unit = "1",
      .help = "modulus: a and b run from 0 to p - 1, and so do the labels" },
    { .key = "pairs",
      .type = FIELD_CHOICE,
      .offset = offsetof(struct modular_config, pairs),
      .standard = "unordered",
      .choices = pairs_names,
      .unit = "",
      .help = "unordered: a <= b; unordered_distinct: a < b; ordered: all" },
    { .key = "train_fraction",
      .type = FIELD_REAL,
      .offset = offsetof(struct modular_config, train_fraction),
      .standard = "0.4",
      .range = "(0, 1)",
      .unit = "1",
      .help = "part of the pairs that is trained on, rounded down" },
    FIELD_END,
};

/* The label of any pair. */
struct labels {
    struct expression expr;
    int64_t p;
    const int32_t *drawn; /* [p, p], of random labels */
};

static int64_t label_of(const struct labels *l, int64_t a, int64_t b)
{
    return l->drawn ? l->drawn[a * l->p + b] : expression_value(&l->expr, a, b, l->p);
}

static int64_t first_b(const struct modular_config *c, int64_t a)
{
    return c->pairs == ORDERED ? 0 : c->pairs == UNORDERED ? a : a + 1;
}

static bool is_prime(int64_t p)
{
    for (int64_t d = 2; d * d <= p; d++)
        if (p % d == 0) return false;
    return p > 1;
}

/* Parse the expression of c and see that it goes with p. */
static int read_expression(const struct modular_config *c, struct expression *x, struct err *e)
{
    char canonical[EXPRESSION_SIZE];
    if (expression_parse(x, c->expr, canonical, e)) return -1;
    if (x->divides && !is_prime(c->p))
        return err_set(e, ERR_SPEC, "expr '%s' divides, so p must be a prime; %lld is not", c->expr, (long long)c->p);
    return 0;
}

/* Pairs in lexicographic order, as a p + b, to pair unless it is NULL; returns how many. */
static size_t list_pairs(const struct modular_config *c, const struct expression *x, uint32_t *pair)
{
    size_t n = 0;
    for (int64_t a = 0; a < c->p; a++)
        for (int64_t b = first_b(c, a); b < c->p; b++) {
            if (x->divides && expression_value(x, a, b, c->p) < 0) continue;
            if (pair) pair[n] = (uint32_t)(a * c->p + b);
            n++;
        }
    return n;
}

static int shape(const void *config, struct task_shape *out, struct err *e)
{
    const struct modular_config *c = config;
    struct expression x;
    if (read_expression(c, &x, e)) return -1;
    size_t n = list_pairs(c, &x, NULL), n_train = (size_t)(c->train_fraction * (double)n);
    if (n_train == 0 || n_train == n)
        return err_set(e, ERR_SPEC, "train_fraction %g of %zu pairs leaves no %s examples", c->train_fraction, n,
                       n_train ? "test" : "training");
    *out = (struct task_shape){
        .n_train = n_train, .n_test = n - n_train, .width = 2, .vocabulary = c->p, .classes = c->p
    };
    return 0;
}

/* Every ordered pair has its label, so that the label of (a, b) does not depend on which pairs are used. */
static const int32_t *draw_labels(int64_t p, uint64_t seed, struct arena *a)
{
    int32_t *label = ARENA_NEW(a, (size_t)(p * p), int32_t);
    struct rng r = rng_open(seed, "labels");
    for (int64_t i = 0; i < p * p; i++) label[i] = (int32_t)rng_below(&r, (uint64_t)p);
    return label;
}

static struct dataset dataset_of(const struct labels *l, const int32_t *token, size_t n, struct arena *a)
{
    int32_t *label = ARENA_NEW(a, n, int32_t);
    for (size_t i = 0; i < n; i++) label[i] = (int32_t)label_of(l, token[2 * i], token[2 * i + 1]);
    return (struct dataset){ .n = n, .width = 2, .token = token, .label = label };
}

static void draw_split(const struct modular_config *c, const struct labels *l, uint64_t seed,
                       const struct task_shape *s, struct arena *a, struct task_data *out)
{
    size_t n = s->n_train + s->n_test;
    uint32_t *pair = ARENA_NEW(a, n, uint32_t);
    int32_t *token = ARENA_NEW(a, 2 * n, int32_t);
    list_pairs(c, &l->expr, pair);
    struct rng r = rng_open(seed, "split");
    rng_shuffle(&r, pair, n);
    for (size_t i = 0; i < n; i++) {
        token[2 * i] = (int32_t)(pair[i] / (uint32_t)c->p);
        token[2 * i + 1] = (int32_t)(pair[i] % (uint32_t)c->p);
    }
    out->train = dataset_of(l, token, s->n_train, a);
    out->test = dataset_of(l, token + 2 * s->n_train, s->n_test, a);
}

static int check_given(const struct labels *l, const char *which, const int32_t *token, size_t n, struct err *e)
{
    if (n == 0) return err_set(e, ERR_SPEC, "the given split has no %s pairs", which);
    for (size_t i = 0; i < n; i++) {
        int64_t a = token[2 * i], b = token[2 * i + 1];
        if (a < 0 || b < 0 || a >= l->p || b >= l->p)
            return err_set(e, ERR_SPEC, "%s pair %zu of the given split is (%lld, %lld); allowed are 0 to %lld",
                           which, i, (long long)a, (long long)b, (long long)l->p - 1);
        if (label_of(l, a, b) < 0)
            return err_set(e, ERR_SPEC, "%s pair %zu of the given split is (%lld, %lld), where expr divides by 0",
                           which, i, (long long)a, (long long)b);
    }
    return 0;
}

static int take_split(const struct labels *l, const struct task_split *given, struct arena *a, struct task_data *out,
                      struct err *e)
{
    if (given->width != 2)
        return err_set(e, ERR_SPEC, "the given split has %zu columns; pairs (a, b) have 2", given->width);
    if (check_given(l, "training", given->train, given->n_train, e) ||
        check_given(l, "test", given->test, given->n_test, e))
        return -1;
    out->train = dataset_of(l, given->train, given->n_train, a);
    out->test = dataset_of(l, given->test, given->n_test, a);
    return 0;
}

static int build(const void *config, uint64_t seed, const struct task_split *given, struct arena *a,
                 struct task_data *out, struct err *e)
{
    const struct modular_config *c = config;
    struct labels l = { .p = c->p };
    struct task_shape s;
    if (read_expression(c, &l.expr, e)) return -1;
    if (l.expr.random) l.drawn = draw_labels(c->p, seed, a);
    *out = (struct task_data){ .vocabulary = c->p, .classes = c->p };
    if (given && given->train) return take_split(&l, given, a, out, e);
    if (shape(config, &s, e)) return -1;
    draw_split(c, &l, seed, &s, a, out);
    return 0;
}

const struct task_kind task_modular = {
    .kind = { .name = "modular",
              .summary = "pairs of symbols (a, b); the label is an integer expression in a and b modulo p",
              .source = "Power et al. (arXiv 2201.02177); split as in Minegishi et al. (2310.19470)",
              .fields = fields,
              .config_size = sizeof(struct modular_config) },
    .shape = shape,
    .build = build,
};
