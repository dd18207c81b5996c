#include "base/text.h"
#include "disk/types.h"
#include "store/family.h"
#include "store/state.h"

#include <ctype.h>
#include <string.h>

enum { TENSORS_MAX = 1024 };

/* A column of whole numbers of row i; -1 if there is none. */
static int64_t number_of(const struct constant_image *from, size_t i, const char *name)
{
    const struct column *c = columns_find(from->column, name);
    int64_t value = -1;
    if (c && c->type == COLUMN_I64) memcpy(&value, from->row + i * from->stride + c->offset, sizeof value);
    return value;
}

/* Names become those of files. */
static bool read_name(const struct constant_image *from, size_t i, struct store_tensor *t)
{
    const struct column *c = columns_find(from->column, "name");
    if (!c || c->type != COLUMN_TEXT) return false;
    const char *text = from->row + i * from->stride + c->offset;
    const size_t length = strnlen(text, c->size);
    if (length == 0 || length >= sizeof t->name) return false;
    for (size_t k = 0; k < length; k++)
        if (!isgraph((unsigned char)text[k]) || text[k] == '/' || text[k] == '\\') return false;
    memcpy(t->name, text, length);
    return true;
}

/* In a flat vector of n, behind those that end at `after`, and as many elements as its shape says. */
static bool read_tensor(const struct constant_image *from, size_t i, uint64_t after, uint64_t n,
                        struct store_tensor *t)
{
    const int64_t offset = number_of(from, i, "offset"), size = number_of(from, i, "size");
    const int64_t rank = number_of(from, i, "rank");
    uint64_t product = 1;
    if (rank < 0 || rank > (int64_t)ARRAY_LEN(t->dim) || !read_name(from, i, t)) return false;
    if (offset < 0 || size < 0 || (uint64_t)offset < after || (uint64_t)offset > n ||
        (uint64_t)size > n - (uint64_t)offset)
        return false;
    for (int64_t d = 0; d < rank; d++) {
        const int64_t dim = number_of(from, i, (const char[]){ 'd', 'i', 'm', (char)('0' + d), '\0' });
        if (dim < 0 || __builtin_mul_overflow(product, (uint64_t)dim, &product)) return false;
        t->dim[d] = (size_t)dim;
    }
    t->offset = (size_t)offset;
    t->size = (size_t)size;
    t->rank = (size_t)rank;
    return product == t->size;
}

/* Used or not. */
static bool columns_sound(const struct constant_image *from)
{
    static const char *const whole[] = { "offset", "size", "rank", "dim0", "dim1", "dim2", "dim3" };
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        const struct column *c = columns_find(from->column, whole[i]);
        if (c && c->type != COLUMN_I64) return false;
    }
    return true;
}

/* Elements of the family's flat vectors, as far as it has some. */
static uint64_t flat_size(const struct family *f)
{
    uint64_t n = INT64_MAX;
    for (size_t i = 0; i < f->own_arrays; i++) {
        const struct store_array *a = &f->is.array[i];
        if (a->rank == 1 && (!strcmp(a->path, "checkpoints") || !strcmp(a->path, "masks")) && a->dim[0] < n)
            n = a->dim[0];
    }
    return n;
}

int store_read_tensors(struct store *s, size_t family, struct arena *a, struct store_tensor **out, size_t *count,
                       struct err *e)
{
    struct constant_image from = { .count = 0 };
    MUST(family < s->families);
    bool ok = family_read_constant(s->family[family].group, "tensors", &from, a) && from.column &&
              from.count <= TENSORS_MAX && columns_sound(&from);
    *count = ok ? from.count : 0;
    *out = ARENA_NEW(a, *count, struct store_tensor);
    const uint64_t n = flat_size(&s->family[family]);
    uint64_t after = 0;
    for (size_t i = 0; i < *count && ok; i++) {
        ok = read_tensor(&from, i, after, n, &(*out)[i]);
        after = (*out)[i].offset + (*out)[i].size;
        for (size_t j = 0; j < i && ok; j++) ok = strcmp((*out)[i].name, (*out)[j].name) != 0;
    }
    if (ok) return 0;
    return err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "/families/%s/tensors is not there, or damaged",
                  s->family[family].is.name);
}
