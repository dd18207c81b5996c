#include "base/vec.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 8 };

/* It holds a power of two, FIRST at least: full if count is one. */
static bool is_full(size_t count)
{
    return count == 0 || (count >= FIRST && !(count & (count - 1)));
}

void *vec_room(void *array, size_t count, size_t size)
{
    if (!is_full(count)) return array;
    void *wider = reallocarray(array, count ? 2 * count : FIRST, size);
    if (!wider) die("out of memory for more than %zu elements", count);
    return wider;
}

void *vec_room_in(struct arena *a, void *array, size_t count, size_t size)
{
    if (!is_full(count)) return array;
    void *wider = arena_array(a, count ? 2 * count : FIRST, size);
    if (count) memcpy(wider, array, count * size);
    return wider;
}
