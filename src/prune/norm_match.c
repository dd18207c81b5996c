#include "num/real.h"
#include "prune/control.h"
#include "prune/magnitude.h"

#include <math.h>

/* r_p = ||theta_0 m||_p / ||theta_0||_p over the one flattened vector; theta_0 r_p has the norm of the ticket. */
static bool scale(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch, bool squares)
{
    double kept = 0, all = 0;
    mask_by_magnitude(in, mask, scratch);
    for (size_t i = 0; i < in->layout->n; i++) {
        double size = squares ? (double)theta[i] * (double)theta[i] : fabs((double)theta[i]);
        all += size;
        kept += mask[i] ? size : 0;
    }
    double r = squares ? sqrt(kept / all) : kept / all;
    for (size_t i = 0; all > 0 && i < in->layout->n; i++) theta[i] = (real)((double)theta[i] * r);
    return false;
}

static bool apply_l1(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch)
{
    return scale(in, theta, mask, scratch, false);
}

static bool apply_l2(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch)
{
    return scale(in, theta, mask, scratch, true);
}

const struct control_kind control_l1 = {
    .kind = { .name = "l1",
              .summary =
                  "dense theta_0 * r_1, r_1 = |theta_0 m|_1 / |theta_0|_1: the L1 norm of the ticket, no mask held",
              .source = "Minegishi et al. (arXiv 2310.19470), controlled dense networks; norms of the whole vector" },
    .uses = USES_PARENT | USES_K | USES_SCOPE,
    .apply = apply_l1,
};

const struct control_kind control_l2 = {
    .kind = { .name = "l2",
              .summary =
                  "dense theta_0 * r_2, r_2 = |theta_0 m|_2 / |theta_0|_2: the L2 norm of the ticket, no mask held",
              .source = "Minegishi et al. (arXiv 2310.19470), controlled dense networks; norms of the whole vector" },
    .uses = USES_PARENT | USES_K | USES_SCOPE,
    .apply = apply_l2,
};
