#include "num/loss_plain.h"

#include "base/err.h"
#include "num/loss.h"
#include "num/scalar.h"

/* One example: logits f with `stride` numbers from one to the next; out likewise becomes d(its loss)/df. */
struct example {
    const scalar *f;
    scalar *out;
    size_t c, stride;
};

/* softmax - onehot; the softmax is not changed by the largest logit that is taken off. */
static void cross_entropy(const struct example *x, size_t label)
{
    double max = -INFINITY;
    scalar sum = 0;
    for (size_t i = 0; i < x->c; i++) max = fmax(max, scalar_real(x->f[i * x->stride]));
    for (size_t i = 0; i < x->c; i++) sum += x->out[i * x->stride] = scalar_exp(x->f[i * x->stride] - max);
    for (size_t i = 0; i < x->c; i++) x->out[i * x->stride] = x->out[i * x->stride] / sum - (i == label);
}

/* 2 (f - target) / c */
static void squares(const struct example *x, const int32_t *label, const double *target)
{
    for (size_t i = 0; i < x->c; i++) {
        double at = target ? target[i] : x->c == 1 ? 2 * *label - 1 : *label == (int32_t)i;
        x->out[i * x->stride] = 2 * (x->f[i * x->stride] - at) / (double)x->c;
    }
}

static scalar one_output(int loss, scalar f, double y)
{
    if (loss == LOSS_HINGE) return 1 - scalar_real(f) * y >= 0 ? -y : 0;
    bool right = scalar_real(f) * y > 0; /* either way no exponential is large */
    scalar e = scalar_exp(right ? -f * y : f * y);
    return -y * (right ? e : 1) / (1 + e);
}

void SCALAR_NAME(loss_gradient)(int loss, scalar *out, const scalar *logits, const struct dataset *d, size_t c)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct example x = { logits + i, out + i, c, d->n };
        switch (loss) {
        case LOSS_CROSS_ENTROPY: cross_entropy(&x, (size_t)d->label[i]); break;
        case LOSS_MSE: squares(&x, d->label ? d->label + i : NULL, d->target ? d->target + i * c : NULL); break;
        case LOSS_HINGE:
        case LOSS_BINARY_CROSS_ENTROPY: *x.out = one_output(loss, *x.f, 2 * d->label[i] - 1); break;
        default: BUG("no loss %d", loss);
        }
        for (size_t j = 0; j < c; j++) x.out[j * d->n] /= (double)d->n;
    }
}
