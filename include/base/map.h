/** base/map.h: a hash table from ids to numbers: of rows, settings, whatever has an id. */
#ifndef TOMBOLA_BASE_MAP_H
#define TOMBOLA_BASE_MAP_H

#include "base/checked.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
    struct id key;
    uint32_t value;
    bool used;
};
struct map {
    struct map_slot *slot;
    size_t count, capacity;
};
/** A zeroed map is empty. */
void map_release(struct map *m);
/** False if the key is there already. */
bool map_add(struct map *m, struct id key, uint32_t value);
CHECKED bool map_find(const struct map *m, struct id key, uint32_t *value);
/** Its value; a new key gets the number of those before it. */
uint32_t map_number(struct map *m, struct id key);

#endif
