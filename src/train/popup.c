#include "train/popup.h"

#include "num/clones.h"
#include "num/mask.h"
#include "num/real.h"

void popup_open(struct popup *p, size_t n, struct arena *a)
{
    MUST(p->optimizer->vectors <= OPTIMIZER_VECTORS && p->k >= 0 && p->k < 1);
    p->mask = ARENA_NEW(a, n, uint8_t);
    p->network = ARENA_NEW(a, n, real);
    p->gradient = ARENA_NEW(a, n, real);
}

CLONES static void sizes(real *restrict out, const real *restrict in, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] = in[i] < 0 ? -in[i] : in[i];
}

CLONES static void masked(real *restrict out, const real *restrict in, const uint8_t *restrict mask, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] = mask[i] ? in[i] : 0;
}

void popup_network(struct popup *p, const struct layout *layout, const real *theta, const real *scores)
{
    sizes(p->network, scores, layout->n); /* until it is overwritten with what it is for */
    mask_from_scores(p->mask, p->network, layout, p->k, SCOPE_TENSOR);
    masked(p->network, theta, p->mask, layout->n);
}

static real sign(real x)
{
    return (real)((x > 0) - (x < 0));
}

void popup_gradients(struct popup *p, const real *theta, const real *scores, real *gradient, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p->gradient[i] = gradient[i] * theta[i] * (p->through_abs ? sign(scores[i]) : 1);
        gradient[i] = p->mask[i] ? gradient[i] : 0;
    }
}
