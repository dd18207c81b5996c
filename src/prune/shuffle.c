#include "base/rng.h"
#include "base/text.h"
#include "num/real.h"
#include "prune/control.h"
#include "prune/magnitude.h"

#include <stdio.h>
#include <string.h>

/* A tensor's part of the mask in a random order: as many weights of it are kept as before. */
static void shuffle_tensor(const struct tensor *t, uint64_t seed, uint8_t *mask, struct arena *scratch)
{
    struct arena_mark m = arena_mark(scratch);
    uint32_t *order = ARENA_NEW(scratch, t->size, uint32_t);
    uint8_t *before = ARENA_NEW(scratch, t->size, uint8_t);
    char stream[LAYOUT_NAME + 8];
    MUST(text_print(stream, sizeof stream, "shuffle/%s", t->name));
    struct rng r = rng_open(seed, stream);
    for (size_t j = 0; j < t->size; j++) order[j] = (uint32_t)j;
    rng_shuffle(&r, order, t->size);
    memcpy(before, mask + t->offset, t->size);
    for (size_t j = 0; j < t->size; j++) mask[t->offset + j] = before[order[j]];
    arena_rewind(scratch, m);
}

static bool apply(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch)
{
    magnitude_mask(in, mask, scratch);
    for (int i = 0; i < in->layout->count; i++)
        if (in->layout->tensor[i].prunable) shuffle_tensor(&in->layout->tensor[i], in->seed, mask, scratch);
    mask_apply(theta, mask, in->layout->n);
    return true;
}

const struct control_kind REAL_NAME(control_shuffle) = {
    .kind = { .name = "shuffle",
              .summary = "theta_0 * m with m the ticket's mask permuted inside each tensor: as sparse as the ticket, "
                         "tensor by tensor, without its structure",
              .source = "Frankle et al. (arXiv 2009.08576), sanity checks: shuffling the mask" },
    .uses = USES_PARENT | USES_K | USES_SCOPE | USES_TIES | USES_ROUNDS | USES_REWIND,
    .apply = apply,
};
