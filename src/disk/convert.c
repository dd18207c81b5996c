#include "disk/convert.h"
#include "base/arena.h"
#include "disk/types.h"

#include <string.h>

static int name_index(const char *const *names, const char *name)
{
    for (int i = 0; names[i]; i++)
        if (!strcmp(names[i], name)) return i;
    return -1;
}

static bool same_names(const char *const *a, const char *const *b)
{
    size_t i = 0;
    while (a[i] && b[i] && !strcmp(a[i], b[i])) i++;
    return !a[i] && !b[i];
}

/* A value whose name is unknown on the other side becomes 0. */
static const uint8_t *enum_map(const char *const *from, const char *const *to, struct arena *a)
{
    if (same_names(from, to)) return NULL;
    uint8_t *map = ARENA_NEW(a, 256, uint8_t);
    for (size_t i = 0; from[i]; i++) {
        int index = name_index(to, from[i]);
        map[i] = (uint8_t)(index < 0 ? 0 : index);
    }
    return map;
}

static struct span span_of(const struct column *from, const struct column *to, struct arena *a)
{
    size_t have = column_size(from->type, from->size), room = column_size(to->type, to->size);
    size_t size = have < room ? have : room;
    return (struct span){ .from = from->offset,
                          .to = to->offset,
                          .size = size,
                          .pad = room - size,
                          .map = from->type == COLUMN_ENUM ? enum_map(from->names, to->names, a) : NULL };
}

/* Neighbours that stay neighbours are copied at once: rows of one layout become a few long copies. */
static void add_span(struct convert *c, struct span s)
{
    struct span *last = c->spans ? &c->span[c->spans - 1] : NULL;
    bool joins = last && !last->map && !last->pad && !s.map && last->from + last->size == s.from &&
                 last->to + last->size == s.to;
    if (!joins) {
        c->span[c->spans++] = s;
        return;
    }
    last->size += s.size;
    last->pad = s.pad;
}

void convert_init(struct convert *c, const struct column *from, const struct column *to, struct arena *a)
{
    c->span = ARENA_NEW(a, columns_count(to), struct span);
    c->spans = 0;
    for (; to->name; to++) {
        const struct column *source = columns_find(from, to->name);
        if (source && source->type == to->type) add_span(c, span_of(source, to, a));
    }
}

void convert_run(const struct convert *c, const void *from, void *to)
{
    for (size_t i = 0; i < c->spans; i++) {
        const struct span *s = &c->span[i];
        const uint8_t *source = (const uint8_t *)from + s->from;
        uint8_t *target = (uint8_t *)to + s->to;
        if (s->map)
            *target = s->map[*source];
        else
            memcpy(target, source, s->size);
        memset(target + s->size, 0, s->pad);
    }
}

bool column_holds(const struct column *to, const struct column *from)
{
    if (to->type != from->type || to->size < from->size) return false;
    for (size_t i = 0; from->type == COLUMN_ENUM && from->names[i]; i++)
        if (name_index(to->names, from->names[i]) < 0) return false;
    return true;
}
