#include "base/map.h"
#include "base/err.h"

#include <stdlib.h>
#include <string.h>

void map_release(struct map *m)
{
    free(m->slot);
    memset(m, 0, sizeof *m);
}

/* Open addressing; ids are hashes already. */
static struct map_slot *find_slot(const struct map *m, struct id key)
{
    size_t i = (size_t)key.low & (m->capacity - 1);
    while (m->slot[i].used && !id_equal(m->slot[i].key, key)) i = (i + 1) & (m->capacity - 1);
    return &m->slot[i];
}

static void widen(struct map *m)
{
    struct map wide = { .count = m->count, .capacity = m->capacity ? 2 * m->capacity : 64 };
    wide.slot = calloc(wide.capacity, sizeof *wide.slot);
    if (!wide.slot) die("out of memory for %zu ids", wide.capacity);
    for (size_t i = 0; i < m->capacity; i++)
        if (m->slot[i].used) *find_slot(&wide, m->slot[i].key) = m->slot[i];
    free(m->slot);
    *m = wide;
}

bool map_add(struct map *m, struct id key, uint32_t value)
{
    if (4 * (m->count + 1) > 3 * m->capacity) widen(m);
    struct map_slot *slot = find_slot(m, key);
    if (slot->used) return false;
    *slot = (struct map_slot){ key, value, true };
    m->count++;
    return true;
}

bool map_find(const struct map *m, struct id key, uint32_t *value)
{
    const struct map_slot *slot = m->capacity ? find_slot(m, key) : NULL;
    if (!slot || !slot->used) return false;
    *value = slot->value;
    return true;
}

uint32_t map_number(struct map *m, struct id key)
{
    uint32_t number = (uint32_t)m->count;
    if (!map_add(m, key, number)) MUST(map_find(m, key, &number));
    return number;
}
