/* Tensors under the names that another program has for them. */
#include "cli/export_named.h"
#include "base/column.h"

#include <string.h>

struct writer {
    const struct store_tensor *tensor;
    size_t count, element; /* bytes of a number */
    const char *flat;
    struct arena *arena;
};

static const struct store_tensor *find(const struct writer *w, const char *name)
{
    for (size_t i = 0; i < w->count; i++)
        if (!strcmp(w->tensor[i].name, name)) return &w->tensor[i];
    BUG("no tensor '%s'", name);
}

/* One above the other; who has other rows than the first has no place there. */
static int stack(const struct writer *w, const struct naming_array *a, struct archive_array *out, struct err *e)
{
    const struct store_tensor *first = find(w, a->tensor[0]);
    struct buf all = { 0 };
    out->dim[0] = 0;
    for (size_t i = 0; i < a->tensors; i++) {
        const struct store_tensor *t = find(w, a->tensor[i]);
        if (t->rank != first->rank || memcmp(t->dim + 1, first->dim + 1, (t->rank - 1) * sizeof *t->dim) != 0)
            err_set(e, ERR_SPEC, "'%s': %s and %s do not stand one above the other: their rows differ", a->name,
                    first->name, t->name);
        out->dim[0] += t->dim[0];
        buf_add(&all, w->flat + t->offset * w->element, t->size * w->element);
    }
    char *data = arena_alloc(w->arena, all.length + 1);
    memcpy(data, buf_chars(&all), all.length);
    out->data = data;
    buf_release(&all);
    return e->kind ? -1 : 0;
}

static void turn(const struct writer *w, const struct store_tensor *t, struct archive_array *out)
{
    const size_t rows = t->dim[0], columns = t->dim[1], size = w->element;
    char *data = arena_alloc(w->arena, t->size * size + 1);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            memcpy(data + (j * rows + i) * size, w->flat + (t->offset + i * columns + j) * size, size);
    out->data = data;
    out->dim[0] = columns;
    out->dim[1] = rows;
}

int export_named(struct archive_array *out, const struct naming_array *a, const struct store_tensor *tensor,
                 size_t count, enum column_type type, const char *flat, struct arena *arena, struct err *e)
{
    const struct writer w = { tensor, count, column_size(type, 0), flat, arena };
    const struct store_tensor *first = find(&w, a->tensor[0]);
    *out = (struct archive_array){ .name = a->name, .type = type, .rank = first->rank };
    memcpy(out->dim, first->dim, sizeof out->dim);
    if (a->tensors > 1) return stack(&w, a, out, e);
    if (a->turned && first->rank == 2)
        turn(&w, first, out);
    else
        out->data = flat + first->offset * w.element;
    return 0;
}
