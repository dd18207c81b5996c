#include "disk/types.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/column.h"
#include "base/err.h"

#include <string.h>

static hid_t number_type(enum column_type type)
{
    switch (type) {
    case COLUMN_I64: return H5T_NATIVE_INT64;
    case COLUMN_F64: return H5T_NATIVE_DOUBLE;
    case COLUMN_F32: return H5T_NATIVE_FLOAT;
    case COLUMN_U64: return H5T_NATIVE_UINT64;
    case COLUMN_U8:
    case COLUMN_ENUM: return H5T_NATIVE_UINT8;
    default: BUG("column type %d is no number", (int)type);
    }
}

hid_t type_plain(enum column_type type, size_t text_size)
{
    hid_t t = H5Tcopy(type == COLUMN_TEXT ? H5T_C_S1 : number_type(type));
    MUST(t >= 0);
    if (type != COLUMN_TEXT) return t;
    MUST(H5Tset_size(t, text_size) >= 0);
    MUST(H5Tset_cset(t, H5T_CSET_UTF8) >= 0);
    MUST(H5Tset_strpad(t, H5T_STR_NULLPAD) >= 0);
    return t;
}

static hid_t type_enum(const char *const *names)
{
    hid_t t = H5Tenum_create(H5T_NATIVE_UINT8);
    MUST(t >= 0);
    for (unsigned i = 0; names[i]; i++) {
        uint8_t value = (uint8_t)i;
        MUST(i < 256 && H5Tenum_insert(t, names[i], &value) >= 0);
    }
    return t;
}

hid_t type_compound(const struct column *columns, size_t size)
{
    hid_t t = H5Tcreate(H5T_COMPOUND, size);
    MUST(t >= 0);
    for (const struct column *c = columns; c->name; c++) {
        hid_t member = c->type == COLUMN_ENUM ? type_enum(c->names) : type_plain(c->type, c->size);
        if (H5Tinsert(t, c->name, c->offset, member) < 0) BUG("column '%s' overlaps or repeats another", c->name);
        H5Tclose(member);
    }
    return t;
}

bool type_read(hid_t type, enum column_type *out)
{
    static const enum column_type numbers[] = { COLUMN_I64, COLUMN_F64, COLUMN_F32, COLUMN_U8, COLUMN_U64 };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (H5Tequal(type, number_type(numbers[i])) > 0) {
            *out = numbers[i];
            return true;
        }
    H5T_class_t class = H5Tget_class(type);
    *out = class == H5T_STRING ? COLUMN_TEXT : COLUMN_ENUM;
    if (class == H5T_STRING) return H5Tis_variable_str(type) == 0;
    return class == H5T_ENUM && H5Tget_size(type) == 1;
}

/* Names by value; a value without a name gets "". */
static const char *const *enum_names(hid_t type, struct arena *a)
{
    int members = H5Tget_nmembers(type);
    uint8_t value, last = 0;
    for (int i = 0; i < members; i++)
        if (H5Tget_member_value(type, (unsigned)i, &value) >= 0 && value > last) last = value;
    const char **names = ARENA_NEW(a, (size_t)last + 2, const char *);
    for (size_t v = 0; v <= last; v++) names[v] = "";
    for (int i = 0; i < members; i++) {
        char *name = H5Tget_member_name(type, (unsigned)i);
        if (name && H5Tget_member_value(type, (unsigned)i, &value) >= 0)
            names[value] = arena_text(a, name, strlen(name));
        H5free_memory(name);
    }
    return names;
}

static bool read_member(struct column *c, hid_t compound, unsigned i, struct arena *a)
{
    char *name = H5Tget_member_name(compound, i);
    hid_t member = H5Tget_member_type(compound, i);
    if (!name || member < 0) return false;
    c->name = arena_text(a, name, strlen(name));
    c->offset = H5Tget_member_offset(compound, i);
    c->unit = c->help = "";
    bool ours = type_read(member, &c->type);
    if (ours && c->type == COLUMN_TEXT) c->size = H5Tget_size(member);
    if (ours && c->type == COLUMN_ENUM) c->names = enum_names(member, a);
    H5Tclose(member);
    H5free_memory(name);
    return ours;
}

/* A line of columns_about. */
static void read_about(struct column *columns, const char *line, size_t length, struct arena *a)
{
    const char *unit = memmem(line, length, " [", 2);
    const char *help = unit ? memmem(unit, length - (size_t)(unit - line), "]: ", 3) : NULL;
    if (!help) return;
    for (struct column *c = columns; c->name; c++)
        if (strlen(c->name) == (size_t)(unit - line) && !memcmp(c->name, line, strlen(c->name))) {
            c->unit = arena_text(a, unit + 2, (size_t)(help - unit) - 2);
            c->help = arena_text(a, help + 3, length - (size_t)(help + 3 - line));
        }
}

/* Every column has its own name and its own bytes of the row. */
static bool are_apart(const struct column *columns, size_t size)
{
    for (const struct column *c = columns; c->name; c++) {
        const size_t bytes = column_size(c->type, c->size);
        if (!c->name[0] || c->offset > size || bytes > size - c->offset) return false;
        for (const struct column *d = columns; d != c; d++)
            if (!strcmp(c->name, d->name) ||
                (c->offset < d->offset + column_size(d->type, d->size) && d->offset < c->offset + bytes))
                return false;
    }
    return true;
}

struct column *type_columns(hid_t compound, const char *about, struct arena *a)
{
    if (H5Tget_class(compound) != H5T_COMPOUND) return NULL;
    unsigned count = (unsigned)H5Tget_nmembers(compound);
    struct column *columns = ARENA_NEW(a, count + 1, struct column);
    for (unsigned i = 0; i < count; i++)
        if (!read_member(&columns[i], compound, i, a)) return NULL;
    if (!are_apart(columns, H5Tget_size(compound))) return NULL;
    while (*about) {
        size_t length = strcspn(about, "\n");
        read_about(columns, about, length, a);
        about += length + (about[length] == '\n');
    }
    return columns;
}

void columns_about(const struct column *columns, struct buf *out)
{
    for (const struct column *c = columns; c->name; c++)
        buf_print(out, "%s [%s]: %s\n", c->name, c->unit ? c->unit : "", c->help ? c->help : "");
}

size_t columns_count(const struct column *columns)
{
    size_t n = 0;
    while (columns && columns[n].name) n++;
    return n;
}

const struct column *columns_find(const struct column *columns, const char *name)
{
    for (const struct column *c = columns; c && c->name; c++)
        if (!strcmp(c->name, name)) return c;
    return NULL;
}

bool columns_include(const struct column *have, const struct column *want, size_t count)
{
    bool all = true;
    for (size_t i = 0; i < count && all; i++) {
        const struct column *c = columns_find(have, want[i].name);
        all = c && c->type == want[i].type && (c->type != COLUMN_TEXT || c->size > 0);
    }
    return all;
}
