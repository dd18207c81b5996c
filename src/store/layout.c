#include "store/layout.h"
#include "base/buf.h"
#include "disk/types.h"
#include "store/family.h"
#include "store/tables.h"

#include <string.h>

/* What a rank has to know of a store to read and write its rows: where each table and array lies, and how its records
 * are made.  One walk over it serves both ways: `out` is written by the rank that has opened the file with HDF5, `in`
 * is read by all. */

struct wire {
    struct buf *out; /* NULL: reading */
    const char *in;
    size_t left;
    bool cut; /* `in` ends too early */
    struct arena *arena;
};

/* The bytes: as they are when writing, into the same place when reading. */
static void carry(struct wire *w, void *bytes, size_t size)
{
    if (w->out) {
        buf_add(w->out, bytes, size);
        return;
    }
    w->cut = w->cut || size > w->left;
    if (w->cut) {
        memset(bytes, 0, size);
        return;
    }
    memcpy(bytes, w->in, size);
    w->in += size;
    w->left -= size;
}

/* A list of records; the texts in them are carried behind it, and so replaced. */
static void *carry_list(struct wire *w, const void *list, size_t *count, size_t size)
{
    carry(w, count, sizeof *count);
    if (w->out) {
        buf_add(w->out, list, *count * size);
        return (void *)list; /* is only read from here on */
    }
    w->cut = w->cut || (size && *count > w->left / size);
    if (w->cut) *count = 0;
    void *copy = arena_array(w->arena, *count, size);
    carry(w, copy, *count * size);
    return copy;
}

static void carry_text(struct wire *w, const char **text)
{
    size_t length = w->out && *text ? strlen(*text) : 0;
    const char *bytes = carry_list(w, w->out ? *text : NULL, &length, 1);
    if (!w->out) *text = arena_text(w->arena, bytes, length);
}

/* A list that ends with NULL, or none. */
static void carry_names(struct wire *w, const char *const **names)
{
    size_t count = 0;
    if (w->out && *names)
        while ((*names)[count++]) continue;
    const char **list = carry_list(w, w->out ? *names : NULL, &count, sizeof *list);
    for (size_t i = 0; i + 1 < count; i++) carry_text(w, &list[i]);
    if (!w->out) *names = count ? list : NULL;
}

static void carry_columns(struct wire *w, struct column **columns)
{
    size_t count = w->out ? columns_count(*columns) + 1 : 0;
    *columns = carry_list(w, *columns, &count, sizeof **columns);
    for (size_t i = 0; i + 1 < count; i++) {
        struct column *c = &(*columns)[i];
        carry_text(w, &c->name);
        carry_text(w, &c->unit);
        carry_text(w, &c->help);
        carry_names(w, &c->names);
    }
}

/* What its arrays mean is nothing that a rank asks for. */
static void carry_arrays(struct wire *w, struct family *f)
{
    struct store_array *is = carry_list(w, f->is.array, &f->is.arrays, sizeof *is);
    for (size_t i = 0; i < f->is.arrays; i++) {
        carry_text(w, &is[i].path);
        if (!w->out) is[i].unit = is[i].help = is[i].labels = is[i].axes = is[i].made_by = NULL;
    }
    f->is.array = is;
    f->array = carry_list(w, f->array, &f->is.arrays, sizeof *f->array);
}

static void carry_family(struct wire *w, struct family *f)
{
    carry_text(w, &f->is.name);
    carry_text(w, &f->is.about);
    carry_text(w, &f->base);
    carry_arrays(w, f);
    size_t sums = 1 + f->annexes;
    f->sums = carry_list(w, f->sums, &sums, sizeof *f->sums);
    for (size_t i = 0; i < sums; i++) carry_text(w, &f->sums[i].path);
    f->annex = carry_list(w, f->annex, &f->annexes, sizeof *f->annex);
    for (size_t i = 0; i < f->annexes; i++) {
        carry_text(w, &f->annex[i].path);
        carry_text(w, &f->annex[i].about);
    }
    if (!w->out) f->group = H5I_INVALID_HID;
}

static void carry_store(struct wire *w, struct store *s)
{
    carry(w, &s->control, sizeof s->control);
    carry(w, s->table, sizeof s->table);
    for (enum table_id i = 0; i < TABLES && !w->out; i++) s->table[i].path = table_kinds[i].path;
    carry(w, &s->form.bytes, sizeof s->form.bytes);
    carry_columns(w, &s->form.column);
    s->family = carry_list(w, s->family, &s->families, sizeof *s->family);
    for (size_t i = 0; i < s->families; i++) carry_family(w, &s->family[i]);
}

void layout_write(struct store *s, struct buf *out)
{
    struct wire w = { .out = out };
    carry_store(&w, s);
}

bool layout_read(struct store *s, const char *bytes, size_t size)
{
    struct wire w = { .in = bytes, .left = size, .arena = &s->arena };
    carry_store(&w, s);
    return !w.cut && w.left == 0;
}
