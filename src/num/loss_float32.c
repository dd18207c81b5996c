/* The softmax as PyTorch computes it from float logits, with what float does to it: beside a logit that leads by more
 * than 17 the sum of exponentials is 1, the loss 0, and no gradient is left. */
#include "num/clones.h"
#include "num/exp.h"
#include "num/loss_private.h"
#include "num/real.h"

#include <assert.h>
#include <math.h>

enum { BLOCK = 64 };

struct block {
    size_t n, c, width; /* of the whole: examples in a row, classes; of the block: examples */
    float max[BLOCK], log_sum[BLOCK];
    int32_t first_max[BLOCK];
};

CLONED_WITH_CALLER void find_max(struct block *restrict b, const real *restrict x)
{
    for (size_t j = 0; j < b->width; j++) b->max[j] = (float)x[j], b->first_max[j] = 0;
    for (size_t i = 1; i < b->c; i++)
        for (size_t j = 0; j < b->width; j++) {
            float logit = (float)x[i * b->n + j];
            b->first_max[j] = logit > b->max[j] ? (int32_t)i : b->first_max[j];
            b->max[j] = logit > b->max[j] ? logit : b->max[j];
        }
}

CLONED_WITH_CALLER void sum_exp(struct block *restrict b, const real *restrict x)
{
    for (size_t j = 0; j < b->width; j++) b->log_sum[j] = 0;
    for (size_t i = 0; i < b->c; i++)
        for (size_t j = 0; j < b->width; j++)
            b->log_sum[j] += (float)exp_inline((double)((float)x[i * b->n + j] - b->max[j]));
    for (size_t j = 0; j < b->width; j++) b->log_sum[j] = logf(b->log_sum[j]);
}

CLONED_WITH_CALLER float log_softmax(const struct block *b, const real *x, size_t i, size_t j)
{
    return (float)x[i * b->n + j] - b->max[j] - b->log_sum[j];
}

CLONED_WITH_CALLER void put_gradient(const struct block *restrict b, const real *x, const int32_t *label, real *out)
{
    for (size_t i = 0; i < b->c; i++)
        for (size_t j = 0; j < b->width; j++) {
            float there = label[j] == (int32_t)i;
            out[i * b->n + j] = (real)(((float)exp_inline((double)log_softmax(b, x, i, j)) - there) / (float)b->n);
        }
}

CLONES struct loss_value loss_softmax_float32(const real *logits, const int32_t *label, size_t n, size_t c, real *out)
{
    assert(n > 0 && c > 0);
    struct block b = { .n = n, .c = c };
    double loss = 0;
    size_t hits = 0;
    for (size_t first = 0; first < n; first += BLOCK) {
        const real *x = logits + first;
        b.width = n - first < BLOCK ? n - first : BLOCK;
        find_max(&b, x);
        sum_exp(&b, x);
        for (size_t j = 0; j < b.width; j++) {
            loss -= (double)log_softmax(&b, x, (size_t)label[first + j], j);
            hits += b.first_max[j] == label[first + j];
        }
        if (out) put_gradient(&b, x, label + first, out + first);
    }
    return (struct loss_value){ loss / (double)n, (double)hits / (double)n };
}
