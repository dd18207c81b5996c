#include "num/loss.h"

#include "num/clones.h"
#include "num/exp.h"
#include "num/real.h"

#include <assert.h>
#include <math.h>

/* Examples are taken BLOCK at a time: their maxima and sums stay in the first-level cache. */
enum { BLOCK = 64 };

/* Columns first..first+width-1 of the logits, and what is known of each. */
struct block {
    size_t n, c, width; /* of the whole: examples in a row, classes; of the block: examples */
    const int32_t *label;
    real max[BLOCK];
    int32_t first_max[BLOCK]; /* its class */
    double sum[BLOCK];        /* of exp(logit - max) over the classes */
    double below[BLOCK];      /* logit of the label - max             */
};

CLONED_WITH_CALLER void find_max(struct block *restrict b, const real *restrict x)
{
    for (size_t j = 0; j < b->width; j++) b->max[j] = x[j], b->first_max[j] = 0;
    for (size_t i = 1; i < b->c; i++) {
        const real *restrict row = x + i * b->n;
        for (size_t j = 0; j < b->width; j++) {
            b->first_max[j] = row[j] > b->max[j] ? (int32_t)i : b->first_max[j];
            b->max[j] = row[j] > b->max[j] ? row[j] : b->max[j];
        }
    }
}

CLONED_WITH_CALLER void sum_exp(struct block *restrict b, const real *restrict x)
{
    for (size_t j = 0; j < b->width; j++) b->sum[j] = 0;
    for (size_t i = 0; i < b->c; i++) {
        const real *restrict row = x + i * b->n;
        for (size_t j = 0; j < b->width; j++) b->sum[j] += exp_inline((double)row[j] - (double)b->max[j]);
    }
}

/* The same, and x becomes exp(x - max). */
CLONED_WITH_CALLER void sum_and_keep_exp(struct block *restrict b, real *restrict x)
{
    for (size_t j = 0; j < b->width; j++) b->sum[j] = 0;
    for (size_t i = 0; i < b->c; i++) {
        real *restrict row = x + i * b->n;
        for (size_t j = 0; j < b->width; j++) {
            double e = exp_inline((double)row[j] - (double)b->max[j]);
            b->sum[j] += e;
            row[j] = (real)e;
        }
    }
}

/* x is exp(logit - max) and becomes (softmax - onehot) / n.  At the label it is made from the logit: softmax - 1 must
 * not lose what rounding x to float lost. */
CLONED_WITH_CALLER void finish_gradient(struct block *restrict b, real *restrict x)
{
    double scale[BLOCK], there[BLOCK];
    for (size_t j = 0; j < b->width; j++) {
        scale[j] = 1 / (b->sum[j] * (double)b->n);
        there[j] = (exp_inline(b->below[j]) - b->sum[j]) * scale[j];
    }
    for (size_t i = 0; i < b->c; i++) {
        real *restrict row = x + i * b->n;
        for (size_t j = 0; j < b->width; j++) row[j] = (real)((double)row[j] * scale[j]);
    }
    for (size_t j = 0; j < b->width; j++) x[(size_t)b->label[j] * b->n + j] = (real)there[j];
}

/* Fill below; how many examples are classified rightly. */
static size_t look_up_labels(struct block *b, const real *x)
{
    size_t hits = 0;
    for (size_t j = 0; j < b->width; j++) {
        size_t at = (size_t)b->label[j];
        assert(at < b->c);
        b->below[j] = (double)x[at * b->n + j] - (double)b->max[j];
        hits += b->first_max[j] == b->label[j];
    }
    return hits;
}

static double add_losses(double total, const struct block *b)
{
    for (size_t j = 0; j < b->width; j++) total += log(b->sum[j]) - b->below[j];
    return total;
}

static void next_block(struct block *b, const int32_t *label, size_t first)
{
    b->width = b->n - first < BLOCK ? b->n - first : BLOCK;
    b->label = label + first;
}

CLONES struct loss_value softmax_cross_entropy(const real *logits, const int32_t *label, size_t n, size_t c)
{
    assert(n > 0 && c > 0);
    struct block b = { .n = n, .c = c };
    double loss = 0;
    size_t hits = 0;
    for (size_t first = 0; first < n; first += BLOCK) {
        next_block(&b, label, first);
        find_max(&b, logits + first);
        hits += look_up_labels(&b, logits + first);
        sum_exp(&b, logits + first);
        loss = add_losses(loss, &b);
    }
    return (struct loss_value){ loss / (double)n, (double)hits / (double)n };
}

CLONES struct loss_value softmax_cross_entropy_gradient(real *logits, const int32_t *label, size_t n, size_t c)
{
    assert(n > 0 && c > 0);
    struct block b = { .n = n, .c = c };
    double loss = 0;
    size_t hits = 0;
    for (size_t first = 0; first < n; first += BLOCK) {
        next_block(&b, label, first);
        find_max(&b, logits + first);
        hits += look_up_labels(&b, logits + first);
        sum_and_keep_exp(&b, logits + first);
        loss = add_losses(loss, &b);
        finish_gradient(&b, logits + first);
    }
    return (struct loss_value){ loss / (double)n, (double)hits / (double)n };
}
