/* Keys that a user invents: each is a field of its own, made when it is first asked for. */
#include "base/field.h"

#include "base/arena.h"
#include "base/intern.h"
#include "base/number.h"
#include "base/text.h"
#include "base/vec.h"

#include <string.h>

enum { OWN_BYTES = 64 };

static struct {
    struct arena arena;
    struct field **field;
    size_t count;
} own;

/* A number in its shortest form, or a word. */
static int check(const char *text, char *canonical, size_t size, struct err *e)
{
    struct buf out = { 0 };
    double value;
    if (number_real(text, &value))
        buf_real(&out, value);
    else
        buf_text(&out, text);
    const bool fits = text_copy(canonical, size, buf_chars(&out), size);
    buf_release(&out);
    return fits ? 0 : err_set(e, ERR_SPEC, "a value of %d characters or more: '%s'", OWN_BYTES, text_shown(text, 40));
}

bool field_is_own(const struct field *f)
{
    return f->check == check;
}

const struct field *field_own(const char *key)
{
    for (size_t i = 0; i < own.count; i++)
        if (!strcmp(own.field[i]->key, key)) return own.field[i];
    struct field *f = ARENA_SMALL(&own.arena, 1, struct field);
    *f = (struct field){ .key = intern(key),
                         .type = FIELD_TEXT,
                         .count = OWN_BYTES,
                         .unit = "",
                         .help = "a key of the user's own",
                         .check = check };
    *VEC_MORE_IN(&own.arena, own.field, own.count) = f;
    return f;
}
