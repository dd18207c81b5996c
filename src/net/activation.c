/* Functions of one number, and their slopes. */
#include "net/operation.h"
#include "num/clones.h"
#include "num/real.h"
#include "num/sigmoid.h"

#include <math.h>
#include <string.h>

static const struct field no_fields[] = { FIELD_END };

enum { FORMS = 1 << NET_ROW | 1 << NET_SEQUENCE | 1 << NET_IMAGE };

/* The distribution function of the standard normal, and its density. */
static double phi(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752440);
}

static double density(double x)
{
    return 0.39894228040143267794 * exp(-x * x / 2);
}

/* x^n, n = 1, 2, ... */
CLONED_WITH_CALLER real power_of(real x, int64_t n)
{
    real out = x;
    for (int64_t i = 1; i < n; i++) out *= x;
    return out;
}

struct power_keys {
    int64_t exponent;
};

static const struct field power_fields[] = {
    FIELD_NUMBER(power_keys, exponent, INT, NULL, "[1, 100]", "1", "as the first word"),
    FIELD_END,
};

static int64_t exponent(const struct net_node *n)
{
    return ((const struct power_keys *)n->keys)->exponent;
}

/* One operation: the tape's function and number, f(x) and its slope by the input x and the output y. */
#define OPERATION(name_, attributes, lowered, summary_, f, slope, ...)                                               \
    attributes static void name_##_forward(const struct net_step *s)                                                 \
    {                                                                                                                \
        const size_t n = net_count(s);                                                                               \
        const real *restrict in = s->in[0];                                                                          \
        real *restrict out = s->out;                                                                                 \
        for (size_t i = 0; i < n; i++) {                                                                             \
            const real x = in[i];                                                                                    \
            out[i] = (real)(f);                                                                                      \
        }                                                                                                            \
    }                                                                                                                \
    attributes static void name_##_backward(const struct net_step *s)                                                \
    {                                                                                                                \
        const size_t n = s->din[0] ? net_count(s) : 0;                                                               \
        const real *restrict in = s->in[0], *restrict out = s->out, *restrict dout = s->dout;                        \
        real *restrict din = s->din[0];                                                                              \
        for (size_t i = 0; i < n; i++) {                                                                             \
            const real x = in[i], y = out[i];                                                                        \
            (void)x, (void)y;                                                                                        \
            din[i] = dout[i] * (real)(slope);                                                                        \
        }                                                                                                            \
    }                                                                                                                \
    static int name_##_lower(struct tape *t, const struct net_node *n, const int *in)                                \
    {                                                                                                                \
        (void)n;                                                                                                     \
        return lowered;                                                                                              \
    }                                                                                                                \
    const struct net_operation REAL_NAME(net_op_##name_) = {                                                         \
        .kind = { .name = #name_, .summary = summary_, .source = "", __VA_ARGS__ },                                  \
        .takes = FORMS,                                                                                              \
        .reach = NET_ROWS,                                                                                           \
        .lower = name_##_lower,                                                                                      \
        .forward = name_##_forward,                                                                                  \
        .backward = name_##_backward,                                                                                \
    }
#define LOWERED(function, number) tape_unary(t, in[0], TAPE_##function, number)
#define PLAIN                     .fields = no_fields

OPERATION(relu, CLONES, LOWERED(RELU, 0), "max(x, 0)", x<0 ? 0 : x, x> 0 ? 1 : 0, PLAIN); /* a NaN stays */
OPERATION(gelu, , LOWERED(GELU, 0), "x times the standard normal's distribution function of x",
          (double)x *phi((double)x), phi((double)x) + (double)x * density((double)x), PLAIN);
OPERATION(silu, CLONES, LOWERED(SILU, 0), "x / (1 + exp(-x))", x *sigmoid_of(x),
          sigmoid_of(x) * (1 + x * (1 - sigmoid_of(x))), PLAIN);
OPERATION(tanh, CLONES, LOWERED(TANH, 0), "the hyperbolic tangent", tanh_of(x), 1 - y * y, PLAIN);
OPERATION(sigmoid, CLONES, LOWERED(SIGMOID, 0), "1 / (1 + exp(-x))", sigmoid_of(x), y *(1 - y), PLAIN);
OPERATION(softplus, , LOWERED(SOFTPLUS, 0), "log(1 + exp(x))", (x > 0 ? (double)x : 0) + log1p(exp(-fabs((double)x))),
          sigmoid_of(x), PLAIN);
OPERATION(sin, , LOWERED(SIN, 0), "the sine", sin((double)x), cos((double)x), PLAIN);
OPERATION(square, CLONES, LOWERED(POWER, 2), "x^2", x *x, 2 * x, PLAIN);
OPERATION(identity, CLONES, LOWERED(POWER, 1), "x", x, 1, PLAIN);

CLONES static void power_forward(const struct net_step *s)
{
    const int64_t k = exponent(s->node);
    for (size_t i = 0, n = net_count(s); i < n; i++) s->out[i] = power_of(s->in[0][i], k);
}

CLONES static void power_backward(const struct net_step *s)
{
    const int64_t k = exponent(s->node);
    for (size_t i = 0, n = s->din[0] ? net_count(s) : 0; i < n; i++)
        s->din[0][i] = s->dout[i] * (real)k * (k > 1 ? power_of(s->in[0][i], k - 1) : 1);
}

static int power_lower(struct tape *t, const struct net_node *n, const int *in)
{
    return LOWERED(POWER, (double)exponent(n));
}

const struct net_operation REAL_NAME(net_op_power) = {
    .kind = { .name = "power",
              .summary = "x^exponent",
              .source = "",
              .fields = power_fields,
              .config_size = sizeof(struct power_keys) },
    .words = 1,
    .takes = FORMS,
    .reach = NET_ROWS,
    .lower = power_lower,
    .forward = power_forward,
    .backward = power_backward,
};
