#include "task/pairs.h"

#include <stddef.h>

enum { MOST = 6 }; /* 720 permutations */

struct permutation_config {
    int64_t n;
    int operation, pairs;
    double train_fraction;
    int64_t train;
    char layout[PAIRS_LAYOUT];
    bool apart;
};

enum operation { PRODUCT, CONJUGATE, SANDWICH };
static const char *const operation_names[] = { [PRODUCT] = "ab", [CONJUGATE] = "aba^-1", [SANDWICH] = "aba", NULL };

static const struct field fields[] = {
    FIELD_NUMBER(permutation_config, n, INT, "5", "[2, 6]", "1",
                 "things that are permuted; a and b are the n! permutations in lexicographic order"),
    FIELD_CHOSEN(permutation_config, operation, CHOICE, "ab", operation_names,
                 "the label; a product applies its right factor first"),
    FIELD_CHOSEN(permutation_config, pairs, CHOICE, "ordered", pairs_names,
                 "ordered: all; unordered: a <= b; unordered_distinct: a < b"),
    FIELD_NUMBER(permutation_config, train_fraction, REAL, "0.5", "(0, 1)", "1",
                 "part of the pairs that is trained on, rounded down"),
    TASK_TRAIN(permutation_config),
    PAIRS_FIELDS(permutation_config),
    FIELD_END,
};

static int64_t factorial(int64_t n)
{
    return n < 2 ? 1 : n * factorial(n - 1);
}

/* The place-th permutation in lexicographic order: place i goes to out[i]. */
static void unrank(int64_t place, int64_t n, int64_t out[MOST])
{
    bool used[MOST] = { false };
    for (int64_t i = 0; i < n; i++) {
        int64_t skip = place / factorial(n - 1 - i), value = 0;
        place %= factorial(n - 1 - i);
        for (; used[value] || skip > 0; value++) skip -= !used[value];
        used[value] = true;
        out[i] = value;
    }
}

static int64_t rank(const int64_t p[MOST], int64_t n)
{
    int64_t place = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t smaller = 0;
        for (int64_t j = i + 1; j < n; j++) smaller += p[j] < p[i];
        place += smaller * factorial(n - 1 - i);
    }
    return place;
}

static int64_t label_of(const void *ctx, int64_t a, int64_t b)
{
    const struct permutation_config *c = ctx;
    int64_t x[MOST], y[MOST], label[MOST];
    unrank(a, c->n, x);
    unrank(b, c->n, y);
    for (int64_t i = 0; i < c->n; i++) {
        switch (c->operation) {
        case PRODUCT: label[i] = x[y[i]]; break;
        case CONJUGATE: label[x[i]] = x[y[i]]; break;
        case SANDWICH: label[i] = x[y[x[i]]]; break;
        default: BUG("no operation %d", c->operation);
        }
    }
    return rank(label, c->n);
}

static struct pair_rule rule_of(const struct permutation_config *c)
{
    return (struct pair_rule){ .p = factorial(c->n),
                               .pairs = (enum pairs)c->pairs,
                               .train_fraction = c->train_fraction,
                               .train = c->train,
                               .layout = c->layout,
                               .apart = c->apart,
                               .label = label_of,
                               .ctx = c };
}

static int shape(const void *config, struct task_shape *out, struct err *e)
{
    const struct pair_rule rule = rule_of(config);
    return pairs_shape(&rule, out, e);
}

static int build(const void *config, uint64_t seed, const struct task_split *given, struct arena *a,
                 struct task_data *out, struct err *e)
{
    const struct pair_rule rule = rule_of(config);
    return pairs_build(&rule, seed, given, a, out, e);
}

const struct task_kind task_permutation = {
    .kind = { .name = "permutation",
              .summary = "pairs of permutations of n things; the label is a product of them",
              .source = "Power et al. (arXiv 2201.02177), appendix A.1.1: the operations on S5",
              .fields = fields,
              .config_size = sizeof(struct permutation_config) },
    .shape = shape,
    .build = build,
};
