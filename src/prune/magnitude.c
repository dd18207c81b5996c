#include "prune/magnitude.h"

#include "base/err.h"
#include "num/real.h"

void magnitude_mask(const struct control_input *in, uint8_t *mask, struct arena *scratch)
{
    MUST(in->theta_t);
    size_t n = in->layout->n;
    real *score = ARENA_NEW(scratch, n, real);
    for (size_t i = 0; i < n; i++) score[i] = in->theta_t[i] < 0 ? -in->theta_t[i] : in->theta_t[i];
    const struct cut cut = { in->k, in->scope, in->ties, in->seed };
    mask_cut(mask, score, in->layout, &cut);
}
