#include "train/train.h"

#include "num/clones.h"
#include "num/real.h"

#include <math.h>

struct adam_config {
    double lr, weight_decay, betas[2], eps;
};

static const struct field fields[] = {
    FIELD_NUMBER(adam_config, lr, REAL, "1e-3", "[0, 10]", "1/step", "learning rate"),
    FIELD_NUMBER(adam_config, weight_decay, REAL, "0.01", "[0, 1000]", "1",
                 "adamw, decoupled: weights shrink by lr * weight_decay a step, before it; adam, coupled: the "
                 "gradient is that of loss + weight_decay / 2 * |w|^2"),
    FIELD_NUMBER(adam_config, betas, REALS, "[0.9, 0.999]", "[0, 1)", "1", "decay of the first and second moment"),
    FIELD_NUMBER(adam_config, eps, REAL, "1e-8", "[1e-20, 1]", "1", "added to the root of the second moment"),
    FIELD_END,
};

/* The factors of one step, worked out in double: with g + pull theta in place of g
 * theta <- theta keep - rate m / (sqrt(v) root + eps). */
struct factors {
    real keep, pull, rate, root, eps, beta1, beta2, gain1, gain2;
};

static struct factors factors(const struct adam_config *c, int64_t step, double lr, double keep, double pull)
{
    double t = (double)step, unbias1 = 1 - pow(c->betas[0], t), unbias2 = 1 - pow(c->betas[1], t);
    return (struct factors){ .keep = (real)keep,
                             .pull = (real)pull,
                             .rate = (real)(lr / unbias1),
                             .root = (real)(1 / sqrt(unbias2)),
                             .eps = (real)c->eps,
                             .beta1 = (real)c->betas[0],
                             .beta2 = (real)c->betas[1],
                             .gain1 = (real)(1 - c->betas[0]),
                             .gain2 = (real)(1 - c->betas[1]) };
}

CLONED_WITH_CALLER void update(real *restrict theta, real *restrict m, real *restrict v, size_t i, real g,
                               const struct factors *f)
{
    g += f->pull * theta[i];
    m[i] = f->beta1 * m[i] + f->gain1 * g;
    v[i] = f->beta2 * v[i] + f->gain2 * g * g;
#if TOMBOLA_REAL == 64
    real size = sqrt(v[i]);
#else
    real size = sqrtf(v[i]);
#endif
    theta[i] = theta[i] * f->keep - f->rate * m[i] / (size * f->root + f->eps);
}

CLONES static void step_dense(real *restrict theta, real *restrict m, real *restrict v, const real *restrict g,
                              size_t n, struct factors f)
{
    for (size_t i = 0; i < n; i++) update(theta, m, v, i, g[i], &f);
}

/* theta, m and v are 0 where the mask is, and a gradient of 0 keeps them there. */
CLONES static void step_masked(real *restrict theta, real *restrict m, real *restrict v, const real *restrict g,
                               const uint8_t *restrict mask, size_t n, struct factors f)
{
    for (size_t i = 0; i < n; i++) update(theta, m, v, i, mask[i] ? g[i] : 0, &f);
}

static void update_all(const struct adam_config *c, bool coupled, int64_t step, double warmth,
                       const struct layout *layout, real *theta, const real *gradient, real *const *state,
                       const uint8_t *mask)
{
    for (int i = 0; i < layout->count; i++) {
        const struct tensor *t = &layout->tensor[i];
        const double lr = c->lr * warmth * t->lr, decay = c->weight_decay * t->decay;
        struct factors f = factors(c, step, lr, coupled ? 1 : 1 - lr * decay, coupled ? decay : 0);
        real *w = theta + t->offset, *m = state[0] + t->offset, *v = state[1] + t->offset;
        const real *g = gradient + t->offset;
        if (mask)
            step_masked(w, m, v, g, mask + t->offset, t->size, f);
        else
            step_dense(w, m, v, g, t->size, f);
    }
}

static void step_decoupled(const void *config, int64_t step, double warmth, const struct layout *layout, real *theta,
                           const real *gradient, real *const *state, const uint8_t *mask)
{
    update_all(config, false, step, warmth, layout, theta, gradient, state, mask);
}

static void step_coupled(const void *config, int64_t step, double warmth, const struct layout *layout, real *theta,
                         const real *gradient, real *const *state, const uint8_t *mask)
{
    update_all(config, true, step, warmth, layout, theta, gradient, state, mask);
}

const struct optimizer_kind REAL_NAME(optimizer_adamw) = {
    .kind = { .name = "adamw",
              .summary = "Adam with decoupled weight decay, as PyTorch computes it",
              .source = "Loshchilov and Hutter (arXiv 1711.05101), algorithm 2",
              .fields = fields,
              .config_size = sizeof(struct adam_config) },
    .vectors = 2,
    .step = step_decoupled,
};

const struct optimizer_kind REAL_NAME(optimizer_adam) = {
    .kind = { .name = "adam",
              .summary = "Adam with weight decay as part of the gradient, as PyTorch computes it",
              .source = "Kingma and Ba (arXiv 1412.6980), algorithm 1",
              .fields = fields,
              .config_size = sizeof(struct adam_config) },
    .vectors = 2,
    .step = step_coupled,
};
