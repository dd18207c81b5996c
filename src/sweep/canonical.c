#include "sweep/private.h"

#include <string.h>

enum { VALUE_BYTES = 4096 };

const char *node_type_name(const struct node *n)
{
    static const char *const name[] = {
        [NODE_SCALAR] = "a single value", [NODE_LIST] = "a list", [NODE_MAP] = "a map"
    };
    return name[n->type];
}

int canonical_value(const struct field *f, const char *text, struct buf *out, struct err *e)
{
    union {
        char text[VALUE_BYTES];
        double real[VALUE_BYTES / sizeof(double)];
        int64_t whole;
    } place;
    struct field moved = *f;
    moved.offset = 0;
    MUST(f->count <= (field_is_text(f) ? VALUE_BYTES : ARRAY_LEN(place.real)));
    if (!field_is_tree(f) && strlen(text) >= VALUE_BYTES)
        return err_set(e, ERR_SPEC, "'%s' is longer than %d characters", f->key, VALUE_BYTES - 1);
    if (field_set(&moved, &place, text, e)) return -1;
    field_print(&moved, &place, out);
    return 0;
}
