#include "num/real.h"
#include "prune/control.h"
#include "prune/magnitude.h"

static bool apply(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch)
{
    magnitude_mask(in, mask, scratch);
    mask_apply(theta, mask, in->layout->n);
    return true;
}

const struct control_kind REAL_NAME(control_ticket) = {
    .kind = { .name = "ticket",
              .summary = "theta_0 * m with m the largest weights of the parent at t; m is held while training",
              .source = "Minegishi et al. (arXiv 2310.19470), after Frankle and Carbin (1803.03635)" },
    .uses = USES_PARENT | USES_K | USES_SCOPE | USES_TIES | USES_ROUNDS | USES_REWIND,
    .apply = apply,
};
