#include "num/loss_plain.h"
#include "num/scalar.h"

/* (softmax - onehot) / n of one example; softmax is not changed by the largest logit that is taken off. */
static void cross_entropy(scalar *out, const scalar *logits, size_t label, size_t n, size_t c, double temperature)
{
    double max = -INFINITY;
    scalar sum = 0;
    for (size_t i = 0; i < c; i++) max = fmax(max, scalar_real(logits[i * n]) / temperature);
    for (size_t i = 0; i < c; i++) sum += out[i * n] = scalar_exp(logits[i * n] / temperature - max);
    for (size_t i = 0; i < c; i++) out[i * n] = (out[i * n] / sum - (i == label)) / (temperature * (double)n);
}

void SCALAR_NAME(loss_gradient)(scalar *out, const scalar *logits, const struct dataset *d, size_t c,
                                double temperature)
{
    for (size_t i = 0; i < d->n; i++) cross_entropy(out + i, logits + i, (size_t)d->label[i], d->n, c, temperature);
}
