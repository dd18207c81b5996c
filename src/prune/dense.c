#include "num/real.h"
#include "prune/control.h"

static bool apply(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch)
{
    (void)in, (void)theta, (void)mask, (void)scratch;
    return false;
}

const struct control_kind REAL_NAME(control_dense) = {
    .kind = { .name = "dense",
              .summary = "all weights, trained from theta_0: the base of every comparison, and the parent of tickets",
              .source = "" },
    .apply = apply,
};
