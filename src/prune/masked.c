#include "num/real.h"
#include "prune/control.h"

#include <string.h>

static bool apply(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch)
{
    (void)scratch;
    memcpy(mask, in->given, in->layout->n);
    mask_apply(theta, mask, in->layout->n);
    return true;
}

const struct control_kind REAL_NAME(control_masked) = {
    .kind = { .name = "masked",
              .summary =
                  "theta_0 * m with m from a file, as section `mask` says; m is held while training, and no k is "
                  "asked: k_removed is what m removes",
              .source = "" },
    .uses = USES_MASK,
    .apply = apply,
};
