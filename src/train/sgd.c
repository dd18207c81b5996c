#include "train/train.h"

#include "num/clones.h"
#include "num/real.h"

struct sgd_config {
    double lr, momentum, weight_decay;
};

static const struct field fields[] = {
    FIELD_NUMBER(sgd_config, lr, REAL, "1e-3", "[0, 1e6]", "1/step", "learning rate"),
    FIELD_NUMBER(sgd_config, momentum, REAL, "0", "[0, 1)", "1",
                 "part of the last step's direction that is kept; not Nesterov's"),
    FIELD_NUMBER(sgd_config, weight_decay, REAL, "0", "[0, 1000]", "1",
                 "coupled: the gradient is that of loss + weight_decay / 2 * |w|^2"),
    FIELD_END,
};

struct factors {
    real rate, momentum, pull;
};

CLONED_WITH_CALLER void update(real *restrict theta, real *restrict v, size_t i, real g, const struct factors *f)
{
    v[i] = f->momentum * v[i] + (g + f->pull * theta[i]);
    theta[i] -= f->rate * v[i];
}

CLONES static void step_dense(real *restrict theta, real *restrict v, const real *restrict g, size_t n,
                              struct factors f)
{
    for (size_t i = 0; i < n; i++) update(theta, v, i, g[i], &f);
}

/* theta and v are 0 where the mask is, and a gradient of 0 keeps them there. */
CLONES static void step_masked(real *restrict theta, real *restrict v, const real *restrict g,
                               const uint8_t *restrict mask, size_t n, struct factors f)
{
    for (size_t i = 0; i < n; i++) update(theta, v, i, mask[i] ? g[i] : 0, &f);
}

static void step(const void *config, int64_t step, double warmth, const struct layout *layout, real *theta,
                 const real *gradient, real *const *state, const uint8_t *mask)
{
    const struct sgd_config *c = config;
    (void)step;
    for (int i = 0; i < layout->count; i++) {
        const struct tensor *t = &layout->tensor[i];
        const struct factors f = { (real)(c->lr * warmth * t->lr), (real)c->momentum,
                                   (real)(c->weight_decay * t->decay) };
        real *w = theta + t->offset, *v = state[0] + t->offset;
        const real *g = gradient + t->offset;
        if (mask)
            step_masked(w, v, g, mask + t->offset, t->size, f);
        else
            step_dense(w, v, g, t->size, f);
    }
}

const struct optimizer_kind REAL_NAME(optimizer_sgd) = {
    .kind = { .name = "sgd",
              .summary = "gradient descent, with momentum if asked for, as PyTorch computes it",
              .source = "Robbins and Monro (1951); momentum: Polyak (1964)",
              .fields = fields,
              .config_size = sizeof(struct sgd_config) },
    .vectors = 1,
    .step = step,
};
