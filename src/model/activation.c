#include "model/activation.h"

#include "num/clones.h"
#include "num/real.h"

#include <math.h>

CLONES static void relu(real *x, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] = x[i] < 0 ? 0 : x[i]; /* a NaN stays */
}

CLONES static void relu_chain(real *restrict d, const real *restrict at, size_t n)
{
    for (size_t i = 0; i < n; i++) d[i] = at[i] > 0 ? d[i] : 0;
}

/* The distribution function of the standard normal. */
static double phi(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752440);
}

static void gelu(real *x, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] = (real)((double)x[i] * phi((double)x[i]));
}

static void gelu_chain(real *restrict d, const real *restrict at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double x = (double)at[i], density = 0.39894228040143267794 * exp(-x * x / 2);
        d[i] = (real)((double)d[i] * (phi(x) + x * density));
    }
}

static void hyperbolic(real *x, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] = (real)tanh((double)x[i]);
}

static void hyperbolic_chain(real *restrict d, const real *restrict at, size_t n)
{
    for (size_t i = 0; i < n; i++) d[i] *= 1 - at[i] * at[i];
}

const struct activation_kind activation_kinds[ACTIVATIONS] = {
    [ACTIVATION_RELU] = { .apply = relu, .chain = relu_chain },
    [ACTIVATION_GELU] = { .apply = gelu, .chain = gelu_chain, .from_input = true },
    [ACTIVATION_TANH] = { .apply = hyperbolic, .chain = hyperbolic_chain },
};
