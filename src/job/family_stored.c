#include "base/arena.h"
#include "job/recording.h"

/* What a family takes in a store, and whether it is whole there. */

uint64_t family_row_bytes(const struct store_family *f)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < f->arrays; i++)
        bytes += (uint64_t)store_part_bytes(&f->array[i]) * (f->array[i].parts ? f->array[i].parts : 1);
    return bytes;
}

uint64_t family_end_bytes(const struct store_family *f)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < f->arrays; i++)
        if (f->array[i].scratch) bytes += store_part_bytes(&f->array[i]);
    return bytes;
}

int family_verify(struct store *s, size_t family, struct err *e)
{
    struct arena a = { 0 };
    const struct store_family *f = store_family(s, family);
    int rc = family_check(f, e);
    const size_t points = rc ? 0 : f->array[ARRAY_TRAIN_LOSS].dim[0];
    int64_t *epoch = ARENA_NEW(&a, points, int64_t);
    struct store_tensor *tensor;
    size_t tensors;
    if (!rc) rc = store_read_tensors(s, family, &a, &tensor, &tensors, e);
    if (!rc) rc = store_read_constant(s, family, "epoch", epoch, points * sizeof *epoch, e);
    arena_release(&a);
    return rc;
}
