#include "num/real.h"
#include "prune/control.h"

#include <string.h>

static bool apply(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch)
{
    (void)mask, (void)scratch;
    memcpy(theta, in->theta_t, in->layout->n * sizeof *theta);
    return false;
}

const struct control_kind REAL_NAME(control_continue) = {
    .kind = { .name = "continue",
              .summary = "dense theta_t, trained on with a fresh optimiser: what edge_popup is compared with",
              .source = "Minegishi et al. (arXiv 2310.19470), table 1, weight decay alone" },
    .uses = USES_PARENT | USES_PART,
    .apply = apply,
};
