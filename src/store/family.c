#include "store/private.h"

#include <stdlib.h>
#include <string.h>

enum { PART_MAX = 1 << 30 }; /* MPI-IO cannot move 2 GiB at once */

size_t store_part_bytes(const struct store_array *array)
{
    size_t bytes = column_size(array->type, 0);
    for (size_t i = 0; i < array->rank; i++) bytes *= array->dim[i];
    return bytes;
}

static size_t parts_of(const struct store_array *array)
{
    return array->parts ? array->parts : 1;
}

static bool describe(hid_t set, const struct store_array *array, size_t first)
{
    return h5_set_number(set, "first_sum", first) && h5_set_number(set, "parts", array->parts) &&
           h5_set_number(set, "scratch", array->scratch) &&
           h5_set_text(set, "unit", array->unit ? array->unit : "") &&
           h5_set_text(set, "about", array->help ? array->help : "") &&
           h5_set_text(set, "axes", array->axes ? array->axes : "") &&
           h5_set_text(set, "labels", array->labels ? array->labels : "") &&
           h5_set_text(set, "made_by", array->made_by ? array->made_by : "");
}

static bool create_array(hid_t group, const struct store_array *array, size_t first, size_t rows)
{
    hsize_t dim[2 + STORE_RANK] = { rows };
    int rank = 1;
    if (array->parts) dim[rank++] = array->parts;
    for (size_t i = 0; i < array->rank; i++) dim[rank++] = array->dim[i];
    hid_t type = type_plain(array->type, 0), set = h5_dataset(group, array->path, type, rank, dim);
    bool ok = set >= 0 && describe(set, array, first);
    if (set >= 0) H5Dclose(set);
    H5Tclose(type);
    return ok;
}

static bool create_constant(hid_t group, const struct store_constant *c)
{
    hid_t type = c->columns ? type_compound(c->columns, c->row_size) : type_plain(c->type, c->row_size);
    size_t size = H5Tget_size(type);
    hid_t set = h5_dataset(group, c->path, type, 1, &(hsize_t){ c->count });
    struct buf about = { 0 };
    if (c->columns) columns_about(c->columns, &about);
    bool ok = set >= 0 && (!c->count || H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, c->data) >= 0) &&
              h5_set_text(set, "about", c->help ? c->help : "") &&
              h5_set_number(set, "checksum", checksum(c->data, size * c->count)) &&
              (!c->columns || h5_set_text(set, "columns", buf_chars(&about)));
    buf_release(&about);
    if (set >= 0) H5Dclose(set);
    H5Tclose(type);
    return ok;
}

static bool create_sums(hid_t group, size_t rows, size_t parts)
{
    hid_t set = h5_dataset(group, "sums", H5T_NATIVE_UINT64, 2, (hsize_t[]){ rows, parts });
    bool ok = set >= 0 && h5_set_text(set, "about",
                                      "XXH3-64 of every part of every array; 0: not written. An array's "
                                      "parts start at its attribute first_sum");
    if (set >= 0) H5Dclose(set);
    return ok;
}

static bool fill_group(hid_t group, const struct store_family *f, size_t index, size_t rows)
{
    size_t first = 0;
    bool ok = h5_set_number(group, "index", index) && h5_set_text(group, "base", f->name) &&
              h5_set_text(group, "about", f->about ? f->about : "");
    for (size_t i = 0; i < f->arrays && ok; i++) {
        ok = create_array(group, &f->array[i], first, rows);
        first += parts_of(&f->array[i]);
    }
    for (size_t i = 0; i < f->constants && ok; i++) ok = create_constant(group, &f->constant[i]);
    return ok && create_sums(group, rows, first ? first : 1);
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
    bool ok = group >= 0 && fill_group(group, f, index, rows);
    if (!ok) h5_error(e, ERR_FULL, path, "cannot make /%s", buf_chars(&place));
    if (group >= 0) H5Gclose(group);
    buf_release(&place);
    return ok ? 0 : -1;
}

bool family_same(const struct family *have, const struct store_family *want)
{
    bool same = have->is.arrays == want->arrays;
    for (size_t i = 0; i < want->arrays && same; i++) {
        const struct store_array *a = &have->is.array[i], *b = &want->array[i];
        same = !strcmp(a->path, b->path) && a->type == b->type && a->parts == b->parts && a->rank == b->rank &&
               a->scratch == b->scratch && !memcmp(a->dim, b->dim, a->rank * sizeof *a->dim);
    }
    return same;
}

/* ---- reading back ---- */

struct found { /* an array on the way from the file to the family */
    struct store_array is;
    struct stored_array how;
    struct found *next;
};
struct search {
    struct store *s;
    struct family *family;
    struct found *first;
    size_t count;
};

static bool read_type(struct found *f)
{
    hid_t type = H5Dget_type(f->how.set);
    bool ok = type_read(type, &f->is.type);
    H5Tclose(type);
    return ok;
}

static bool read_shape(struct found *f, size_t rows)
{
    hsize_t dim[2 + STORE_RANK];
    uint64_t parts = 0, scratch = 0;
    hid_t set = f->how.set, space = H5Dget_space(set);
    int rank = H5Sget_simple_extent_ndims(space);
    if (rank > 0 && rank <= (int)ARRAY_LEN(dim)) H5Sget_simple_extent_dims(space, dim, NULL);
    H5Sclose(space);
    if (rank < 1 || rank > (int)ARRAY_LEN(dim)) return false;
    if (!h5_get_number(set, "parts", &parts) || !h5_get_number(set, "scratch", &scratch)) return false;
    int fixed = parts ? 2 : 1;
    if (rank < fixed || rank - fixed > STORE_RANK || (parts && dim[1] != parts)) return false;
    f->is.parts = (size_t)parts;
    f->is.scratch = scratch != 0;
    f->is.rank = (size_t)(rank - fixed);
    for (size_t i = 0; i < f->is.rank; i++) f->is.dim[i] = (size_t)dim[(size_t)fixed + i];
    f->how.bytes = store_part_bytes(&f->is);
    return raw_extent(set, rows * parts_of(&f->is) * f->how.bytes, &f->how.at);
}

static herr_t find_array(hid_t group, const char *name, const H5L_info_t *info, void *ctx)
{
    (void)info;
    struct search *in = ctx;
    struct arena *a = &in->s->arena;
    uint64_t first;
    if (H5Aexists_by_name(group, name, "first_sum", H5P_DEFAULT) <= 0) return 0;
    struct found *f = ARENA_NEW(a, 1, struct found);
    f->how.set = keep(in->s, H5Dopen2(group, name, H5P_DEFAULT));
    if (f->how.set < 0 || !h5_get_number(f->how.set, "first_sum", &first) || !read_type(f) ||
        !read_shape(f, in->family->capacity))
        return -1;
    f->how.first = (size_t)first;
    f->is.path = arena_text(a, name, strlen(name));
    f->is.unit = h5_get_text(f->how.set, "unit", a);
    f->is.help = h5_get_text(f->how.set, "about", a);
    f->is.labels = h5_get_text(f->how.set, "labels", a);
    if (!f->is.labels[0]) f->is.labels = NULL;
    f->is.axes = h5_get_text(f->how.set, "axes", a);
    f->is.made_by = h5_get_text(f->how.set, "made_by", a);
    f->next = in->first;
    in->first = f;
    in->count++;
    return 0;
}

static int by_first_sum(const void *a, const void *b)
{
    const struct found *x = *(struct found *const *)a, *y = *(struct found *const *)b;
    return (x->how.first > y->how.first) - (x->how.first < y->how.first);
}

static bool collect_arrays(struct search *in)
{
    struct family *f = in->family;
    struct arena *a = &in->s->arena;
    if (H5Lvisit(f->group, H5_INDEX_NAME, H5_ITER_INC, find_array, in) < 0) return false;
    struct found **sorted = ARENA_NEW(a, in->count, struct found *);
    struct store_array *is = ARENA_NEW(a, in->count, struct store_array);
    f->array = ARENA_NEW(a, in->count, struct stored_array);
    size_t n = 0, parts = 0;
    for (struct found *found = in->first; found; found = found->next) sorted[n++] = found;
    qsort(sorted, n, sizeof(struct found *), by_first_sum);
    for (size_t i = 0; i < n; i++) {
        if (sorted[i]->how.first != parts) return false;
        is[i] = sorted[i]->is;
        f->array[i] = sorted[i]->how;
        parts += parts_of(&is[i]);
    }
    f->is.array = is;
    f->is.arrays = n;
    return parts <= f->parts;
}

static bool open_family(struct store *s, struct family *f)
{
    struct search in = { .s = s, .family = f };
    hsize_t dim[2];
    f->is.about = h5_get_text(f->group, "about", &s->arena);
    f->base = h5_get_text(f->group, "base", &s->arena);
    f->sums = keep(s, H5Dopen2(f->group, "sums", H5P_DEFAULT));
    if (f->sums < 0) return false;
    hid_t space = H5Dget_space(f->sums);
    bool ok = H5Sget_simple_extent_ndims(space) == 2 && H5Sget_simple_extent_dims(space, dim, NULL) == 2;
    H5Sclose(space);
    if (!ok) return false;
    f->is.rows = f->capacity = (size_t)dim[0];
    f->parts = (size_t)dim[1];
    return raw_extent(f->sums, f->capacity * f->parts * sizeof(uint64_t), &f->sums_at) && collect_arrays(&in);
}

/* Open the i-th group by name; its place is its attribute `index`. */
static bool open_group(struct store *s, hid_t all, hsize_t i)
{
    char name[256];
    uint64_t index;
    if (H5Lget_name_by_idx(all, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT) < 0) return false;
    hid_t group = keep(s, H5Gopen2(all, name, H5P_DEFAULT));
    if (group < 0 || !h5_get_number(group, "index", &index) || index >= s->families) return false;
    struct family *f = &s->family[index];
    if (f->is.name) return false;
    f->group = group;
    f->is.name = arena_text(&s->arena, name, strlen(name));
    return open_family(s, f);
}

int families_open(struct store *s, struct err *e)
{
    hid_t all = keep(s, H5Gopen2(s->file, "families", H5P_DEFAULT));
    H5G_info_t info;
    if (all < 0 || H5Gget_info(all, &info) < 0) return h5_error(e, ERR_STORE, s->path, "has no readable /families");
    s->families = (size_t)info.nlinks;
    s->family = ARENA_NEW(&s->arena, s->families, struct family);
    for (hsize_t i = 0; i < info.nlinks; i++)
        if (!open_group(s, all, i)) return h5_error(e, ERR_STORE, s->path, "/families is damaged");
    return 0;
}

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
    MUST(family < s->families);
    const struct family *f = &s->family[family];
    hid_t set = H5Lexists(f->group, path, H5P_DEFAULT) > 0 ? H5Dopen2(f->group, path, H5P_DEFAULT) : H5I_INVALID_HID;
    if (set < 0) return err_at(e, ERR_STORE, s->path, NOWHERE, NULL, "/families/%s has no '%s'", f->is.name, path);
    hid_t type = H5Dget_type(set), space = H5Dget_space(set);
    size_t have = H5Tget_size(type) * (size_t)H5Sget_simple_extent_npoints(space);
    uint64_t sum;
    int rc = -1;
    if (have != bytes)
        err_at(e, ERR_STORE, s->path, NOWHERE, NULL, "/families/%s/%s has %zu bytes, not %zu", f->is.name, path, have,
               bytes);
    else if (bytes && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        h5_error(e, ERR_STORE, s->path, "cannot read /families/%s/%s", f->is.name, path);
    else if (!h5_get_number(set, "checksum", &sum) || sum != checksum(data, bytes))
        err_at(e, ERR_STORE, s->path, NOWHERE, NULL, "/families/%s/%s is damaged", f->is.name, path);
    else
        rc = 0;
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(set);
    return rc;
}
