#include "store/slots.h"
#include "store/family.h"
#include "store/state.h"

#include <string.h>

static struct slot_map map_of(size_t capacity, struct arena *a)
{
    return (struct slot_map){ .taken = ARENA_SMALL(a, capacity / 8 + 1, uint8_t), .capacity = capacity };
}

void slots_open(struct slots *slots, const struct store *s, struct arena *a)
{
    struct slot_map *wider = ARENA_NEW(a, s->families, struct slot_map);
    MUST(slots->families <= s->families);
    if (slots->families) memcpy(wider, slots->of, slots->families * sizeof *wider);
    for (size_t i = slots->families; i < s->families; i++) wider[i] = map_of(s->family[i].capacity, a);
    *slots = (struct slots){ wider, s->families };
}

void slots_take(struct slots *slots, int64_t family, int64_t row)
{
    if (family < 0 || (uint64_t)family >= slots->families) return;
    struct slot_map *m = &slots->of[family];
    if (row < 0 || (uint64_t)row >= m->capacity) return;
    const uint8_t bit = (uint8_t)(1 << row % 8);
    m->used += !(m->taken[row / 8] & bit);
    m->taken[row / 8] |= bit;
}

size_t slots_free(const struct slots *slots, size_t family)
{
    return slots->of[family].capacity - slots->of[family].used;
}

size_t slots_next(struct slots *slots, size_t family)
{
    struct slot_map *m = &slots->of[family];
    MUST(m->used < m->capacity);
    while (m->taken[m->next / 8] & 1 << m->next % 8) m->next++;
    slots_take(slots, (int64_t)family, (int64_t)m->next);
    return m->next;
}
