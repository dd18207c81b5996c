#include "base/rng.h"
#include "base/text.h"
#include "num/formula.h"
#include "task/pairs.h"

#include <stddef.h>

enum { EXPR = 65 }; /* bytes of a label's formula */

struct modular_config {
    char expr[EXPR];
    int64_t p;
    int pairs;
    double train_fraction;
    int64_t train;
    char layout[PAIRS_LAYOUT];
    bool apart;
};

enum { NAME_A, NAME_B, NAME_RANDOM };
static const char *const names[] = { "a", "b", "random", NULL };
static const struct formula_place place = { .what = "expr",
                                            .names = names,
                                            .without = 1 << FORMULA_CALL | 1 << FORMULA_REMAINDER,
                                            .largest = 1e9,
                                            .type = FORMULA_NUMBER };

static bool is_random(const struct formula *f)
{
    return f->steps == 1 && f->step[0].op == FORMULA_NAME && f->step[0].which == NAME_RANDOM;
}

static int read_expr(struct formula *out, const char *text, char canonical[EXPR], struct err *e)
{
    if (formula_parse(out, text, &place, canonical, EXPR, e)) return -1;
    for (int i = 0; i < out->steps && !is_random(out); i++)
        if (out->step[i].op == FORMULA_NAME && out->step[i].which == NAME_RANDOM)
            return err_set(e, ERR_SPEC, "expr '%s': the word random stands alone", text_shown(text, 80));
    return 0;
}

static int check_expr(const char *text, char *canonical, size_t size, struct err *e)
{
    struct formula f;
    MUST(size == EXPR);
    return read_expr(&f, text, canonical, e);
}

static const struct field fields[] = {
    { .key = "expr",
      .type = FIELD_TEXT,
      .offset = offsetof(struct modular_config, expr),
      .count = EXPR,
      .unit = "",
      .check = check_expr,
      .help =
          "the label: a formula of a and b with + - * / ^ ( ) and whole numbers, modulo p; / multiplies by the "
          "inverse "
          "(p prime; pairs that divide by 0 are left out); X if C else Y chooses, where C is as a odd, a < b, a == 1 "
          "and not b == 1, of residues; random: labels drawn for each pair" },
    FIELD_NUMBER(modular_config, p, INT, NULL, "[2, 1000]", "1",
                 "modulus: a and b run from 0 to p - 1, and so do the labels"),
    FIELD_CHOSEN(modular_config, pairs, CHOICE, "unordered", pairs_names,
                 "unordered: a <= b; unordered_distinct: a < b; ordered: all"),
    FIELD_NUMBER(modular_config, train_fraction, REAL, "0.4", "(0, 1)", "1",
                 "part of the pairs that is trained on, rounded down"),
    TASK_TRAIN(modular_config),
    PAIRS_FIELDS(modular_config),
    FIELD_END,
};

/* The label of any pair. */
struct labels {
    struct formula expr;
    int64_t p;
    const int32_t *drawn; /* [p, p], of random labels */
};

static int64_t label_of(const void *ctx, int64_t a, int64_t b)
{
    const struct labels *l = ctx;
    return l->drawn ? l->drawn[a * l->p + b] : formula_residue(&l->expr, (const int64_t[]){ a, b, 0 }, l->p);
}

static bool is_prime(int64_t p)
{
    for (int64_t d = 2; d * d <= p; d++)
        if (p % d == 0) return false;
    return p > 1;
}

/* Read the formula of c and see that it goes with p. */
static int read_formula(const struct modular_config *c, struct formula *f, struct err *e)
{
    char canonical[EXPR];
    if (read_expr(f, c->expr, canonical, e)) return -1;
    if (formula_has(f, FORMULA_DIVIDE) && !is_prime(c->p))
        return err_set(e, ERR_SPEC, "expr '%s' divides, so p must be a prime; %lld is not", c->expr, (long long)c->p);
    return 0;
}

static struct pair_rule rule_of(const struct modular_config *c, const struct labels *l)
{
    return (struct pair_rule){ .p = c->p,
                               .pairs = (enum pairs)c->pairs,
                               .train_fraction = c->train_fraction,
                               .train = c->train,
                               .layout = c->layout,
                               .apart = c->apart,
                               .label = label_of,
                               .ctx = l,
                               .partial = formula_has(&l->expr, FORMULA_DIVIDE),
                               .no_label = "where expr divides by 0" };
}

static int shape(const void *config, struct task_shape *out, struct err *e)
{
    const struct modular_config *c = config;
    struct labels l = { .p = c->p };
    if (read_formula(c, &l.expr, e)) return -1;
    const struct pair_rule rule = rule_of(c, &l);
    return pairs_shape(&rule, out, e);
}

/* Every ordered pair has its label, so that the label of (a, b) does not depend on which pairs are used. */
static const int32_t *draw_labels(int64_t p, uint64_t seed, struct arena *a)
{
    int32_t *label = ARENA_NEW(a, (size_t)(p * p), int32_t);
    struct rng r = rng_open(seed, "labels");
    for (int64_t i = 0; i < p * p; i++) label[i] = (int32_t)rng_below(&r, (uint64_t)p);
    return label;
}

static int build(const void *config, uint64_t seed, const struct task_split *given, struct arena *a,
                 struct task_data *out, struct err *e)
{
    const struct modular_config *c = config;
    struct labels l = { .p = c->p };
    if (read_formula(c, &l.expr, e)) return -1;
    if (is_random(&l.expr)) l.drawn = draw_labels(c->p, seed, a);
    const struct pair_rule rule = rule_of(c, &l);
    return pairs_build(&rule, seed, given, a, out, e);
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
