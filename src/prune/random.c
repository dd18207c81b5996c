#include "base/rng.h"
#include "num/real.h"
#include "prune/control.h"

/* The scores are a random permutation of 0..n-1: unlike random numbers they have no ties, in float as little as in
 * double, so exactly the asked number of weights is pruned and both precisions get the same mask. */
static bool apply(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch)
{
    size_t n = in->layout->n;
    uint32_t *rank = ARENA_NEW(scratch, n, uint32_t);
    real *score = ARENA_NEW(scratch, n, real);
    for (size_t i = 0; i < n; i++) rank[i] = (uint32_t)i;
    struct rng r = rng_open(in->seed, "mask");
    rng_shuffle(&r, rank, n);
    for (size_t i = 0; i < n; i++) score[i] = (real)rank[i];
    mask_from_scores(mask, score, in->layout, in->k, in->scope);
    mask_apply(theta, mask, n);
    return true;
}

const struct control_kind REAL_NAME(control_random) = {
    .kind = { .name = "random",
              .summary = "theta_0 * m with m drawn at random; as sparse as the ticket, without its structure",
              .source = "Minegishi et al. (arXiv 2310.19470), pruning at initialisation" },
    .uses = USES_K | USES_SCOPE,
    .apply = apply,
};
