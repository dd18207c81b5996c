/** model/activation_plain.h: the nonlinearities and their slopes as the formulas read, for plain networks only. */
#ifndef TOMBOLA_MODEL_ACTIVATION_PLAIN_H
#define TOMBOLA_MODEL_ACTIVATION_PLAIN_H

#include "base/err.h"
#include "model/activation.h"
#include "num/scalar.h"

static inline scalar act(int id, scalar x)
{
    switch (id) {
    case ACTIVATION_RELU: return scalar_real(x) > 0 ? x : 0;
    case ACTIVATION_GELU: return x * 0.5 * (1 + scalar_erf(x / sqrt(2)));
    case ACTIVATION_TANH: return scalar_tanh(x);
    default: BUG("no activation %d", id);
    }
}

static inline scalar act_slope(int id, scalar x)
{
    switch (id) {
    case ACTIVATION_RELU: return scalar_real(x) > 0;
    case ACTIVATION_GELU:
        return 0.5 * (1 + scalar_erf(x / sqrt(2))) + x * scalar_exp(-x * x / 2) / sqrt(2 * acos(-1));
    case ACTIVATION_TANH: return 1 - scalar_tanh(x) * scalar_tanh(x);
    default: BUG("no activation %d", id);
    }
}

#endif
