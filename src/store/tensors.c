#include "base/text.h"
#include "store/private.h"

#include <stdio.h>
#include <string.h>

/* The rows of the constant, as the file declares them. */
struct rows {
    const struct column *column;
    char *row;
    size_t count, stride;
};

static bool read_rows(struct store *s, size_t family, struct rows *out, struct arena *a)
{
    const hid_t set = H5Dopen2(s->family[family].group, "tensors", H5P_DEFAULT);
    if (set < 0) return false;
    const hid_t type = H5Dget_type(set), space = H5Dget_space(set);
    hsize_t count = 0;
    bool ok = H5Sget_simple_extent_dims(space, &count, NULL) == 1 && H5Tget_class(type) == H5T_COMPOUND;
    if (ok) {
        *out = (struct rows){ type_columns(type, "", a), NULL, (size_t)count, H5Tget_size(type) };
        out->row = arena_array(a, out->count, out->stride);
        ok = out->column && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out->row) >= 0;
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(set);
    return ok;
}

static size_t number_of(const struct rows *rows, size_t i, const char *name)
{
    const struct column *c = columns_find(rows->column, name);
    int64_t value = 0;
    if (c && c->type == COLUMN_I64) memcpy(&value, rows->row + i * rows->stride + c->offset, sizeof value);
    return (size_t)value;
}

int store_read_tensors(struct store *s, size_t family, struct arena *a, struct store_tensor **out, size_t *count,
                       struct err *e)
{
    struct rows rows;
    MUST(family < s->families);
    if (!read_rows(s, family, &rows, a))
        return err_at(e, ERR_STORE, s->path, NOWHERE, NULL, "/families/%s/tensors cannot be read",
                      s->family[family].is.name);
    const struct column *name = columns_find(rows.column, "name");
    *count = rows.count;
    *out = ARENA_NEW(a, rows.count, struct store_tensor);
    for (size_t i = 0; i < rows.count; i++) {
        struct store_tensor *t = &(*out)[i];
        *t = (struct store_tensor){ .offset = number_of(&rows, i, "offset"),
                                    .size = number_of(&rows, i, "size"),
                                    .rank = number_of(&rows, i, "rank") };
        if (name && !text_copy(t->name, sizeof t->name, rows.row + i * rows.stride + name->offset, name->size))
            return err_at(e, ERR_STORE, s->path, NOWHERE, NULL, "/families/%s/tensors has a name that is too long",
                          s->family[family].is.name);
        for (size_t d = 0; d < t->rank && d < ARRAY_LEN(t->dim); d++)
            t->dim[d] = number_of(&rows, i, (const char[]){ 'd', 'i', 'm', (char)('0' + d), '\0' });
    }
    return 0;
}
