/** store/slots.h: which rows of each family are somebody's. */
#ifndef TOMBOLA_STORE_SLOTS_H
#define TOMBOLA_STORE_SLOTS_H

#include <stddef.h>
#include <stdint.h>

struct arena;
struct store;

struct slot_map {
    uint8_t *taken; /* [capacity / 8 + 1] */
    size_t capacity, used, next;
};
struct slots {
    struct slot_map *of; /* [families] */
    size_t families;
};
/** Room for all families of the store; what is taken of those that were there before stays so. */
void slots_open(struct slots *slots, const struct store *s, struct arena *a);
/** Of somebody from now on, if there is such a row. */
void slots_take(struct slots *slots, int64_t family, int64_t row);
size_t slots_free(const struct slots *slots, size_t family);
/** Take the first free row.  There must be one. */
size_t slots_next(struct slots *slots, size_t family);

#endif
