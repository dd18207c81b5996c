#include "num/real.h"
#include "prune/control.h"
#include "prune/magnitude.h"

static bool apply(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch)
{
    magnitude_mask(in, mask, scratch);
    for (int i = 0; i < in->layout->count; i++) {
        const struct tensor *t = &in->layout->tensor[i];
        for (size_t j = t->offset; t->prunable && j < t->offset + t->size; j++) mask[j] = !mask[j];
    }
    mask_apply(theta, mask, in->layout->n);
    return true;
}

const struct control_kind REAL_NAME(control_invert) = {
    .kind = { .name = "invert",
              .summary = "theta_0 * m with m the fraction k of smallest weights of the parent at t: what the ticket "
                         "at k removes is kept, and what it keeps is removed",
              .source = "" },
    .uses = USES_PARENT | USES_K | USES_SCOPE | USES_TIES | USES_REST | USES_ROUNDS | USES_REWIND,
    .apply = apply,
};
