#include "store/family.h"
#include "disk/h5.h"
#include "disk/links.h"
#include "disk/shape.h"
#include "disk/types.h"
#include "store/scales.h"
#include "store/state.h"

#include <stdlib.h>
#include <string.h>

size_t store_sums_bytes(const struct store_family *f)
{
    size_t parts = 0;
    for (size_t i = 0; i < f->arrays; i++) parts += store_parts(&f->array[i]);
    return sums_stride(parts ? parts : 1) * sizeof(uint64_t);
}

size_t store_part_bytes(const struct store_array *array)
{
    size_t bytes = column_size(array->type, 0);
    for (size_t i = 0; i < array->rank; i++)
        if (__builtin_mul_overflow(bytes, array->dim[i], &bytes)) return SIZE_MAX;
    return bytes;
}

size_t store_parts(const struct store_array *array)
{
    return array->parts ? array->parts : 1;
}

/* What there is nothing to say of has no attribute. */
static bool say(hid_t set, const char *name, const char *text)
{
    return !text || !text[0] || h5_set_text(set, name, text);
}

static bool describe(hid_t set, const struct store_array *array, const char *sum, size_t first)
{
    return h5_set_number(set, sum, first) && h5_set_number(set, "parts", array->parts) &&
           h5_set_number(set, "scratch", array->scratch) && say(set, "units", array->unit) &&
           say(set, "about", array->help) && say(set, "axes", array->axes) && say(set, "labels", array->labels) &&
           say(set, "made_by", array->made_by);
}

static bool create_array(struct scales *s, const struct store_array *array, const char *sum, size_t first,
                         size_t rows)
{
    hsize_t dim[2 + STORE_RANK] = { rows };
    int rank = 1;
    if (array->parts) dim[rank++] = array->parts;
    for (size_t i = 0; i < array->rank; i++) dim[rank++] = array->dim[i];
    hid_t type = type_plain(array->type, 0), set = h5_dataset(s->group, array->path + s->skip, type, rank, dim);
    const bool ok = set >= 0 && describe(set, array, sum, first) && scales_name_array(s, set, array);
    if (set >= 0) H5Dclose(set);
    H5Tclose(type);
    return ok;
}

size_t family_create_arrays(struct scales *s, const char *sum, size_t rows)
{
    size_t first = 0;
    bool ok = true;
    for (size_t i = 0; i < s->arrays && ok; i++) {
        ok = create_array(s, &s->array[i], sum, first, rows);
        first += store_parts(&s->array[i]);
    }
    return ok ? first : SIZE_MAX;
}

static bool create_constant(struct scales *s, const struct store_constant *c)
{
    hid_t type = c->columns ? type_compound(c->columns, c->row_size) : type_plain(c->type, c->row_size);
    size_t size = H5Tget_size(type);
    hid_t set = h5_dataset(s->group, c->path, type, 1, &(hsize_t){ c->count });
    struct buf about = { 0 };
    if (c->columns) columns_about(c->columns, &about);
    bool ok = set >= 0 && (!c->count || H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, c->data) >= 0) &&
              h5_set_text(set, "about", c->help ? c->help : "") && say(set, "units", c->unit) &&
              h5_set_number(set, "checksum", hash_sum(c->data, size * c->count)) &&
              (!c->columns || h5_set_text(set, "columns", buf_chars(&about))) &&
              scales_name_constant(s, set, c->path, c->count);
    buf_release(&about);
    if (set >= 0) H5Dclose(set);
    H5Tclose(type);
    return ok;
}

size_t sums_stride(size_t columns)
{
    const size_t page = PAGE / sizeof(uint64_t);
    return (columns + page - 1) / page * page;
}

hid_t sums_create(struct scales *s, const char *path, size_t rows, size_t columns, const char *about)
{
    const hid_t set = h5_dataset(s->group, path, H5T_NATIVE_UINT64, 2, (hsize_t[]){ rows, sums_stride(columns) });
    if (set >= 0 && h5_set_text(set, "about", about) && scales_name_sums(s, set)) return set;
    if (set >= 0) H5Dclose(set);
    return H5I_INVALID_HID;
}

/* Constants first: an axis may be one. */
static bool fill_group(hid_t group, const struct store_family *f, size_t index, size_t rows)
{
    struct scales s = { .group = group, .array = f->array, .arrays = f->arrays };
    hid_t sums = H5I_INVALID_HID;
    bool ok = h5_set_number(group, "index", index) && h5_set_text(group, "base", f->name) &&
              h5_set_text(group, "about", f->about ? f->about : "");
    for (size_t i = 0; i < f->constants && ok; i++) ok = create_constant(&s, &f->constant[i]);
    const size_t parts = ok ? family_create_arrays(&s, "first_sum", rows) : SIZE_MAX;
    if (parts != SIZE_MAX)
        sums = sums_create(&s, "sums", rows, parts ? parts : 1,
                           "XXH3-64 of every part of every array; 0: not written. An array's parts start at its "
                           "attribute first_sum");
    ok = scales_end(&s, sums >= 0);
    if (sums >= 0) H5Dclose(sums);
    return ok;
}

int family_create(hid_t file, const char *path, const struct store_family *f, const char *name, size_t index,
                  size_t rows, struct err *e)
{
    for (size_t i = 0; i < f->arrays; i++)
        if (store_part_bytes(&f->array[i]) > PART_MAX)
            return err_at(e, ERR_SPEC, path, NOWHERE, NULL,
                          "'%s' needs %zu bytes at once, and the store can write %d", f->array[i].path,
                          store_part_bytes(&f->array[i]), PART_MAX);
    struct buf place = { 0 };
    buf_print(&place, "families/%s", name);
    hid_t group = h5_group(file, buf_chars(&place));
    const bool ok = group >= 0 && fill_group(group, f, index, rows);
    if (!ok) h5_error(e, ERR_FULL, path, "cannot make /%s", buf_chars(&place));
    if (group >= 0) H5Gclose(group);
    buf_release(&place);
    return ok ? 0 : -1;
}

bool store_array_same(const struct store_array *a, const struct store_array *b)
{
    return !strcmp(a->path, b->path) && a->type == b->type && a->parts == b->parts && a->rank == b->rank &&
           a->scratch == b->scratch && !memcmp(a->dim, b->dim, a->rank * sizeof *a->dim);
}

bool family_same(const struct family *have, const struct store_family *want)
{
    bool same = have->own_arrays == want->arrays;
    for (size_t i = 0; i < want->arrays && same; i++) same = store_array_same(&have->is.array[i], &want->array[i]);
    return same;
}

static bool has_array(const struct store_family *f, const struct store_array *a)
{
    bool found = false;
    for (size_t i = 0; i < f->arrays && !found; i++) found = store_array_same(a, &f->array[i]);
    return found;
}

/* Scratch is nothing that anybody reads. */
bool family_older(const struct family *have, const struct store_family *want)
{
    bool all = true;
    for (size_t i = 0; i < have->own_arrays && all; i++)
        all = have->is.array[i].scratch || has_array(want, &have->is.array[i]);
    return all && !family_same(have, want);
}

bool family_takes(const struct family *have, const struct store_family *want)
{
    return !strcmp(have->base, want->name) && family_same(have, want);
}

static bool read_form(struct constant_image *out, hid_t set, struct arena *a)
{
    const hid_t type = H5Dget_type(set);
    bool ok = true;
    if (H5Tget_class(type) == H5T_COMPOUND)
        ok = out->stride <= PAGE && (out->column = type_columns(type, h5_get_text(set, "columns", a), a));
    else
        ok = type_read(type, &out->type);
    H5Tclose(type);
    return ok;
}

static bool read_rows(struct constant_image *out, hid_t set, struct arena *a)
{
    uint64_t want;
    const size_t bytes = out->count * out->stride;
    const hid_t type = H5Dget_type(set);
    out->row = arena_alloc(a, bytes);
    const bool ok = h5_get_number(set, "checksum", &want) &&
                    (!bytes || H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out->row) >= 0) &&
                    hash_sum(out->row, bytes) == want;
    H5Tclose(type);
    return ok;
}

bool family_read_constant(hid_t group, const char *name, struct constant_image *out, struct arena *a)
{
    struct shape shape;
    const hid_t set = H5Lexists(group, name, H5P_DEFAULT) > 0 ? H5Dopen2(group, name, H5P_DEFAULT) : H5I_INVALID_HID;
    if (set < 0) return false;
    bool ok = shape_read(set, &shape) && shape.rank == 1 && shape.bytes <= PART_MAX;
    if (ok) *out = (struct constant_image){ .count = shape.count, .stride = shape.element };
    ok = ok && read_form(out, set, a) && read_rows(out, set, a);
    H5Dclose(set);
    return ok;
}

static int mend_constant(struct store *s, const struct family *f, const struct store_constant *c, struct err *e)
{
    struct arena a = { 0 };
    struct constant_image have;
    struct shape shape;
    struct raw_set raw;
    const size_t bytes = c->count * (c->columns ? c->row_size : column_size(c->type, 0));
    bool sound = H5Lexists(f->group, c->path, H5P_DEFAULT) == 0 /* an older store */ ||
                 family_read_constant(f->group, c->path, &have, &a);
    if (!sound && shape_open(&s->disk, f->group, c->path, 1, &shape, &raw) && shape.bytes == bytes)
        sound = raw_write(&s->disk, &raw, 0, c->data, bytes) && family_read_constant(f->group, c->path, &have, &a);
    arena_release(&a);
    if (sound) return 0;
    return err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL,
                  "/families/%s/%s is damaged, and cannot be written again", f->is.name, c->path);
}

int family_mend(struct store *s, const struct family *have, const struct store_family *want, struct err *e)
{
    for (size_t i = 0; i < want->constants; i++)
        if (mend_constant(s, have, &want->constant[i], e)) return -1;
    return 0;
}

struct seen {
    const struct store *s;
    const struct family *f;
};

static int see_constant(void *ctx, const struct link_object *at, struct err *e)
{
    const struct seen *c = ctx;
    struct arena a = { 0 };
    struct constant_image have;
    if (!at->dataset || H5Aexists(at->object, "checksum") <= 0) return LINK_INTO;
    const bool sound = family_read_constant(c->f->group, at->path, &have, &a);
    arena_release(&a);
    if (sound) return LINK_INTO;
    return err_at(e, ERR_STORE, c->s->disk.path, NOWHERE, NULL,
                  "/families/%s/%s is damaged: `tombola run` of the sweep that made the family writes it again",
                  c->f->is.name, at->path);
}

int family_sound(struct store *s, const struct family *f, struct err *e)
{
    return links_walk(&s->disk, f->group, f->is.name, see_constant, &(struct seen){ s, f }, e);
}

/* ---- a family that is open ---- */

size_t store_families(const struct store *s)
{
    return s->families;
}

const struct store_family *store_family(const struct store *s, size_t family)
{
    MUST(family < s->families);
    return &s->family[family].is;
}

size_t store_array_find(const struct store *s, size_t family, const char *path)
{
    const struct store_family *f = store_family(s, family);
    for (size_t i = 0; i < f->arrays; i++)
        if (!strcmp(f->array[i].path, path)) return i;
    return SIZE_MAX;
}

int store_read_constant(struct store *s, size_t family, const char *path, void *data, size_t bytes, struct err *e)
{
    struct constant_image have;
    struct arena a = { 0 };
    int rc = 0;
    if (family >= s->families)
        rc = err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "has no family %zu", family);
    else if (!family_read_constant(s->family[family].group, path, &have, &a))
        rc = err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "/families/%s/%s is not there, or damaged",
                    s->family[family].is.name, path);
    else if (have.count * have.stride != bytes)
        rc = err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "/families/%s/%s has %zu bytes, not %zu",
                    s->family[family].is.name, path, have.count * have.stride, bytes);
    else if (bytes)
        memcpy(data, have.row, bytes);
    arena_release(&a);
    return rc;
}
