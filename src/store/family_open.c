#include "store/private.h"

#include <stdlib.h>
#include <string.h>

struct found { /* an array on the way from the file to the family */
    struct store_array is;
    struct stored_array how;
    struct found *next;
};
/* The arrays of one group, a family or an annex. */
struct search {
    struct store *s;
    const char *sum;    /* the attribute that says where their checksums stand */
    const char *prefix; /* of their paths in the family                        */
    size_t rows;        /* of the family                                       */
    struct found *first;
    size_t count;
};

static bool read_type(struct found *f)
{
    hid_t type = H5Dget_type(f->how.raw.set);
    bool ok = type_read(type, &f->is.type);
    H5Tclose(type);
    return ok;
}

static bool read_shape(struct found *f, size_t rows)
{
    hsize_t dim[2 + STORE_RANK];
    uint64_t parts = 0, scratch = 0;
    hid_t set = f->how.raw.set, space = H5Dget_space(set);
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
    return raw_place(&f->how.raw, set, rows * store_parts(&f->is) * f->how.bytes);
}

static const char *path_in(const struct search *in, const char *name)
{
    struct buf path = { 0 };
    buf_print(&path, "%s%s%s", in->prefix, in->prefix[0] ? "/" : "", name);
    const char *kept = arena_text(&in->s->arena, path.bytes, path.length);
    buf_release(&path);
    return kept;
}

static herr_t find_array(hid_t group, const char *name, const H5L_info_t *info, void *ctx)
{
    (void)info;
    struct search *in = ctx;
    struct arena *a = &in->s->arena;
    uint64_t first;
    if (H5Aexists_by_name(group, name, in->sum, H5P_DEFAULT) <= 0) return 0;
    struct found *f = ARENA_NEW(a, 1, struct found);
    const hid_t set = f->how.raw.set = raw_open(in->s, group, name);
    if (set < 0 || !h5_get_number(set, in->sum, &first) || !read_type(f) || !read_shape(f, in->rows)) return -1;
    f->how.first = (size_t)first;
    f->is.path = path_in(in, name);
    f->is.unit = h5_get_text(set, "unit", a);
    f->is.help = h5_get_text(set, "about", a);
    f->is.labels = h5_get_text(set, "labels", a);
    if (!f->is.labels[0]) f->is.labels = NULL;
    f->is.axes = h5_get_text(set, "axes", a);
    f->is.made_by = h5_get_text(set, "made_by", a);
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

/* Append the arrays of the group to the family; their checksums stand from column `first` on.  SIZE_MAX if they are
 * not as they were made, else their number of parts. */
static size_t collect_arrays(struct search *in, struct family *f, hid_t group, size_t first)
{
    struct arena *a = &in->s->arena;
    const size_t before = f->is.arrays;
    if (H5Lvisit(group, H5_INDEX_NAME, H5_ITER_INC, find_array, in) < 0) return SIZE_MAX;
    struct found **sorted = ARENA_NEW(a, in->count, struct found *);
    struct store_array *is = ARENA_NEW(a, before + in->count, struct store_array);
    struct stored_array *how = ARENA_NEW(a, before + in->count, struct stored_array);
    if (before) memcpy(is, f->is.array, before * sizeof *is);
    if (before) memcpy(how, f->array, before * sizeof *how);
    size_t n = 0, parts = 0;
    for (struct found *found = in->first; found; found = found->next) sorted[n++] = found;
    qsort(sorted, n, sizeof(struct found *), by_first_sum);
    for (size_t i = 0; i < n; i++) {
        if (sorted[i]->how.first != parts) return SIZE_MAX;
        is[before + i] = sorted[i]->is;
        how[before + i] = sorted[i]->how;
        how[before + i].first += first;
        parts += store_parts(&is[before + i]);
    }
    f->is.array = is;
    f->array = how;
    f->is.arrays = before + n;
    return parts;
}

/* Checksums: behind those that the family has. */
static bool open_sums(struct store *s, struct family *f, struct sums *out, hid_t group, const char *path)
{
    hsize_t dim[2];
    const hid_t set = raw_open(s, group, path);
    *out = (struct sums){ .first = f->parts, .path = path };
    if (set < 0) return false;
    hid_t space = H5Dget_space(set);
    bool ok = H5Sget_simple_extent_ndims(space) == 2 && H5Sget_simple_extent_dims(space, dim, NULL) == 2;
    H5Sclose(space);
    if (!ok) return false;
    if (f->capacity && dim[0] != f->capacity) return false;
    f->capacity = (size_t)dim[0];
    out->columns = (size_t)dim[1];
    f->parts += out->columns;
    return raw_place(&out->raw, set, f->capacity * out->columns * sizeof(uint64_t));
}

struct annex_place {
    char path[256];
    uint64_t index;
};
struct annex_places {
    struct annex_place *item;
    size_t count;
};

static herr_t find_annex(hid_t group, const char *name, const H5L_info_t *info, void *ctx)
{
    (void)info;
    struct annex_places *found = ctx;
    if (H5Aexists_by_name(group, name, "annex", H5P_DEFAULT) <= 0) return 0;
    struct annex_place at = { .index = 0 };
    if (strlen(name) >= sizeof at.path) return -1;
    memcpy(at.path, name, strlen(name));
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    bool ok = object >= 0 && h5_get_number(object, "annex", &at.index);
    if (object >= 0) H5Oclose(object);
    if (!ok) return -1;
    found->item = realloc(found->item, (found->count + 1) * sizeof at);
    if (!found->item) die("out of memory for %zu annexes", found->count);
    found->item[found->count++] = at;
    return 0;
}

static int by_index(const void *a, const void *b)
{
    const struct annex_place *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static bool open_annex(struct store *s, struct family *f, const char *path)
{
    hid_t group = keep(s, H5Gopen2(f->group, path, H5P_DEFAULT));
    struct annex *a = &f->annex[f->annexes++];
    a->path = arena_text(&s->arena, path, strlen(path));
    a->first = f->parts;
    if (group < 0 || !open_sums(s, f, &f->sums[f->annexes], group, ANNEX_SUMS)) return false;
    a->about = h5_get_text(group, "about", &s->arena);
    struct search in = { .s = s, .sum = "annex_sum", .prefix = a->path, .rows = f->capacity };
    a->parts = collect_arrays(&in, f, group, a->first);
    return a->parts + 1 == f->sums[f->annexes].columns;
}

/* In the order in which they were made. */
static bool open_annexes(struct store *s, struct family *f)
{
    struct annex_places found = { 0 };
    const struct sums own = f->sums[0];
    bool ok = H5Lvisit(f->group, H5_INDEX_NAME, H5_ITER_INC, find_annex, &found) >= 0;
    if (found.count) qsort(found.item, found.count, sizeof *found.item, by_index);
    f->annex = ARENA_NEW(&s->arena, found.count, struct annex);
    f->sums = ARENA_NEW(&s->arena, 1 + found.count, struct sums);
    f->sums[0] = own;
    for (size_t i = 0; i < found.count && ok; i++) ok = open_annex(s, f, found.item[i].path);
    free(found.item);
    return ok;
}

static bool open_family(struct store *s, struct family *f)
{
    f->is.about = h5_get_text(f->group, "about", &s->arena);
    f->base = h5_get_text(f->group, "base", &s->arena);
    f->sums = ARENA_NEW(&s->arena, 1, struct sums);
    if (!open_sums(s, f, f->sums, f->group, "sums")) return false;
    f->is.rows = f->capacity;
    f->own_parts = f->parts;
    struct search in = { .s = s, .sum = "first_sum", .prefix = "", .rows = f->capacity };
    const size_t parts = collect_arrays(&in, f, f->group, 0);
    f->own_arrays = f->is.arrays;
    return parts <= f->own_parts && open_annexes(s, f);
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
