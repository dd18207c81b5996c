#include "num/mask.h"

#include <string.h>

const char *const scope_names[] = { "global", "tensor", NULL };
const char *const ties_names[] = { "prune", "keep", "draw", NULL };

enum ties ties_find(const char *name)
{
    enum ties ties = TIES_PRUNE;
    while (ties < TIES_DRAW && strcmp(ties_names[ties], name) != 0) ties++;
    return ties;
}

struct pruned mask_count(const uint8_t *mask, const struct layout *layout)
{
    struct pruned found = { 0 };
    for (int i = 0; i < layout->count; i++) {
        const struct tensor *t = &layout->tensor[i];
        if (!t->prunable) continue;
        found.tensors++;
        found.prunable += t->size;
        for (size_t j = 0; j < t->size; j++) found.pruned += !mask[t->offset + j];
    }
    return found;
}
