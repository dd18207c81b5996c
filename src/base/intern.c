#include "base/intern.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"

#include <string.h>

static struct {
    struct map number; /* of a text, by its hash */
    struct arena arena;
    const char **text;
    size_t count;
} kept;

const char *intern(const char *text)
{
    const size_t length = strlen(text), i = map_number(&kept.number, id_of(text, length));
    if (i == kept.count) *VEC_MORE_IN(&kept.arena, kept.text, kept.count) = arena_text(&kept.arena, text, length);
    return kept.text[i];
}
