/* All losses behind one call, and those that need no softmax. */
#include "base/arena.h"
#include "num/formula.h"
#include "num/loss_private.h"
#include "num/real.h"

#include <assert.h>
#include <math.h>

/* A loss of the margin z = f y and its slope d(loss)/dz. */
struct margin_loss {
    double value, slope;
};

static struct margin_loss hinge(double z)
{
    return z <= 1 ? (struct margin_loss){ 1 - z, -1 } : (struct margin_loss){ 0, 0 };
}

static struct margin_loss square(double z) /* (f - y)^2 = (z - 1)^2 since y^2 = 1 */
{
    return (struct margin_loss){ (z - 1) * (z - 1), 2 * (z - 1) };
}

static struct margin_loss logistic(double z)
{
    double small = exp(-fabs(z)); /* log(1 + exp(-z)) without overflow */
    return (struct margin_loss){ fmax(-z, 0) + log1p(small), -(z > 0 ? small : 1) / (1 + small) };
}

static struct margin_loss logistic_float32(double z)
{
    float x = (float)z, small = expf(-fabsf(x));
    float value = fmaxf(-x, 0) + log1pf(small), slope = -(x > 0 ? small : 1) / (1 + small);
    return (struct margin_loss){ (double)value, (double)slope };
}

struct loss_value loss_one_output(const struct loss *loss, const real *logits, const int32_t *label, size_t n,
                                  real *out)
{
    struct margin_loss (*const of[LOSSES])(
        double) = { [LOSS_MSE] = square,
                    [LOSS_HINGE] = hinge,
                    [LOSS_BINARY_CROSS_ENTROPY] = loss->precision == LOSS_FLOAT32 ? logistic_float32 : logistic };
    double sum = 0;
    size_t hits = 0;
    assert(n > 0 && of[loss->kind]);
    for (size_t i = 0; i < n; i++) {
        double y = label[i] ? 1 : -1, z = (double)logits[i] * y;
        struct margin_loss m = of[loss->kind](z);
        sum += m.value;
        hits += z > 0;
        if (out) out[i] = (real)(m.slope * y / (double)n);
    }
    return (struct loss_value){ sum / (double)n, (double)hits / (double)n };
}

/* Columns whose maximum stands at the label; the first maximum wins. */
static double accuracy(const real *logits, const int32_t *label, size_t n, size_t c)
{
    size_t hits = 0;
    for (size_t j = 0; j < n; j++) {
        size_t best = 0;
        for (size_t i = 1; i < c; i++)
            if (logits[i * n + j] > logits[best * n + j]) best = i;
        hits += best == (size_t)label[j];
    }
    return (double)hits / (double)n;
}

/* Examples all of whose outputs are hits. */
static double hits(const struct formula *hit, const real *logits, const struct dataset *d, size_t c)
{
    const size_t n = d->n, length = hit->length ? hit->length : 1;
    struct arena a = { 0 };
    double *y = ARENA_NEW(&a, n * c, double), *is = ARENA_NEW(&a, n * length, double);
    size_t count = 0;
    for (size_t i = 0; i < c; i++)
        for (size_t j = 0; j < n; j++) y[j * c + i] = (double)logits[i * n + j];
    formula_examples(hit, (const struct formula_input[]){ { y, true }, { d->target, true } }, n, is);
    for (size_t j = 0; j < n; j++) {
        bool all = true;
        for (size_t i = 0; i < length; i++) all = all && is[j * length + i] > 0;
        count += all;
    }
    arena_release(&a);
    return (double)count / (double)n;
}

struct loss_value loss_squares(const struct loss *loss, const real *logits, const struct dataset *d, size_t c,
                               real *out)
{
    const size_t n = d->n;
    const double count = (double)n * (double)c;
    double sum = 0;
    struct loss_value v = { .accuracy = d->label    ? accuracy(logits, d->label, n, c)
                                        : loss->hit ? hits(loss->hit, logits, d, c)
                                                    : (double)NAN };
    assert(n > 0 && c > 0);
    for (size_t i = 0; i < c; i++)
        for (size_t j = 0; j < n; j++) {
            double want = d->target ? d->target[j * c + i] : d->label[j] == (int32_t)i;
            double off = (double)logits[i * n + j] - want;
            sum += off * off;
            if (out) out[i * n + j] = (real)(2 * off / count);
        }
    v.loss = sum / count;
    return v;
}

static struct loss_value any(const struct loss *loss, const real *logits, const struct dataset *d, size_t c,
                             real *out)
{
    if (loss->kind == LOSS_CROSS_ENTROPY) return loss_softmax_float32(logits, d->label, d->n, c, out);
    if (c == 1 && d->label) return loss_one_output(loss, logits, d->label, d->n, out);
    return loss_squares(loss, logits, d, c, out);
}

struct loss_value loss_evaluate(const struct loss *loss, const real *logits, const struct dataset *d, size_t c)
{
    if (loss->kind == LOSS_CROSS_ENTROPY && loss->precision == LOSS_DOUBLE)
        return softmax_cross_entropy(logits, d->label, d->n, c);
    return any(loss, logits, d, c, NULL);
}

struct loss_value loss_gradient(const struct loss *loss, real *logits, const struct dataset *d, size_t c)
{
    if (loss->kind == LOSS_CROSS_ENTROPY && loss->precision == LOSS_DOUBLE)
        return softmax_cross_entropy_gradient(logits, d->label, d->n, c);
    return any(loss, logits, d, c, logits);
}
