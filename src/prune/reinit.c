#include "model/model.h"
#include "num/real.h"
#include "prune/control.h"
#include "prune/magnitude.h"

static bool apply(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch)
{
    magnitude_mask(in, mask, scratch);
    model_draw(theta, in->layout, in->seed, "reinit");
    mask_apply(theta, mask, in->layout->n);
    return true;
}

const struct control_kind REAL_NAME(control_reinit) = {
    .kind = { .name = "reinit",
              .summary = "the ticket's mask on fresh weights of the same distribution as theta_0",
              .source = "Frankle and Carbin (1803.03635), random reinitialisation" },
    .uses = USES_PARENT | USES_K | USES_SCOPE | USES_TIES | USES_ROUNDS,
    .apply = apply,
};
