#include "base/buf.h"
#include "base/vec.h"
#include "disk/links.h"
#include "disk/shape.h"
#include "disk/types.h"
#include "store/annex.h"
#include "store/family.h"
#include "store/state.h"

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
    struct family *f;
    hid_t group;
    const char *sum;    /* the attribute that says where their checksums stand */
    const char *prefix; /* of their paths in the family                        */
    struct found *first;
    size_t count;
    struct annex_place *annex; /* groups that are annexes */
    size_t annexes;
};
struct annex_place {
    const char *path;
    uint64_t index;
};

static bool read_type(struct found *f)
{
    hid_t type = H5Dget_type(f->how.raw.set);
    const bool ok = type_read(type, &f->is.type) && f->is.type != COLUMN_TEXT && f->is.type != COLUMN_ENUM;
    H5Tclose(type);
    return ok;
}

static bool read_axes(struct found *f, const struct shape *shape, size_t rows)
{
    uint64_t parts = 0, scratch = 0;
    const hid_t set = f->how.raw.set;
    if (!h5_get_number(set, "parts", &parts) || !h5_get_number(set, "scratch", &scratch)) return false;
    const size_t fixed = parts ? 2 : 1;
    if (shape->dim[0] != rows || shape->rank < fixed || shape->rank - fixed > STORE_RANK) return false;
    if (parts > PARTS_MAX || (parts && shape->dim[1] != parts)) return false;
    f->is.parts = (size_t)parts;
    f->is.scratch = scratch != 0;
    f->is.rank = shape->rank - fixed;
    for (size_t i = 0; i < f->is.rank; i++) f->is.dim[i] = shape->dim[fixed + i];
    f->how.bytes = shape->bytes ? shape->bytes / rows / store_parts(&f->is) : 0;
    return f->how.bytes <= PART_MAX;
}

static const char *path_in(const struct search *in, const char *name)
{
    struct buf path = { 0 };
    buf_print(&path, "%s%s%s", in->prefix, in->prefix[0] ? "/" : "", name);
    const char *kept = arena_text(&in->s->arena, path.bytes, path.length);
    buf_release(&path);
    return kept;
}

static int find_array(struct search *in, const struct link_object *at, struct err *e)
{
    struct arena *a = &in->s->arena;
    struct shape shape;
    uint64_t first;
    struct found *f = ARENA_NEW(a, 1, struct found);
    f->is.path = path_in(in, at->path);
    if (!shape_open(&in->s->disk, in->group, at->path, 0, &shape, &f->how.raw) ||
        !h5_get_number(f->how.raw.set, in->sum, &first) || !read_type(f) || !read_axes(f, &shape, in->f->capacity))
        return h5_error(e, ERR_STORE, in->s->disk.path, "/families/%s/%s is no array of a store", in->f->is.name,
                        f->is.path);
    const hid_t set = f->how.raw.set;
    f->how.first = (size_t)first;
    f->is.unit = h5_get_text(set, H5Aexists(set, "units") > 0 ? "units" : "unit" /* an older store */, a);
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

static int note_annex(struct search *in, const struct link_object *at)
{
    struct annex_place place = { .path = arena_text(&in->s->arena, at->path, strlen(at->path)) };
    if (!h5_get_number(at->object, "annex", &place.index)) return -1;
    *VEC_MORE_IN(&in->s->arena, in->annex, in->annexes) = place;
    return LINK_INTO;
}

/* What is neither an array nor an annex is read when it is asked for. */
static int see_object(void *ctx, const struct link_object *at, struct err *e)
{
    struct search *in = ctx;
    if (at->dataset) return H5Aexists(at->object, in->sum) > 0 ? find_array(in, at, e) : 0;
    return H5Aexists(at->object, "annex") > 0 ? note_annex(in, at) : LINK_INTO;
}

static int by_first_sum(const void *a, const void *b)
{
    const struct found *x = *(struct found *const *)a, *y = *(struct found *const *)b;
    return (x->how.first > y->how.first) - (x->how.first < y->how.first);
}

static int search_group(struct search *in, struct err *e)
{
    struct buf base = { 0 };
    buf_print(&base, "/families/%s/%s%s", in->f->is.name, in->prefix, in->prefix[0] ? "/" : "");
    const int rc = links_walk(&in->s->disk, in->group, buf_chars(&base), see_object, in, e);
    buf_release(&base);
    return rc;
}

/* Append the arrays that were found to the family; their checksums stand from column `first` on.  SIZE_MAX if they
 * are not as they were made, else their number of parts. */
static size_t take_arrays(struct search *in, size_t first)
{
    struct family *f = in->f;
    struct arena *a = &in->s->arena;
    const size_t before = f->is.arrays;
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

/* Checksums: behind those that the family has.  How many of them there are, its arrays say. */
static int open_sums(struct store *s, struct family *f, struct sums *out, hid_t group, const char *path,
                     struct err *e)
{
    struct shape shape;
    enum column_type type = COLUMN_TYPES;
    *out = (struct sums){ .first = f->parts, .path = path };
    bool ok = shape_open(&s->disk, group, path, 2, &shape, &out->raw);
    const hid_t is = ok ? H5Dget_type(out->raw.set) : H5I_INVALID_HID;
    ok = ok && type_read(is, &type) && type == COLUMN_U64 && shape.bytes && shape.dim[1] <= PART_MAX / 8;
    if (is >= 0) H5Tclose(is);
    if (!ok || (f->capacity && shape.dim[0] != f->capacity))
        return h5_error(e, ERR_STORE, s->disk.path, "/families/%s/%s holds no checksums", f->is.name, path);
    f->capacity = shape.dim[0];
    out->stride = shape.dim[1];
    return 0;
}

/* False if the dataset has not so many. */
static bool take_sums(struct family *f, struct sums *in, size_t columns)
{
    in->columns = columns;
    f->parts += columns;
    return columns <= in->stride;
}

static int by_index(const void *a, const void *b)
{
    const struct annex_place *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static int not_as_made(const struct store *s, const struct family *f, const char *path, struct err *e)
{
    return err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "the arrays of /families/%s%s are not as they were made",
                  f->is.name, path);
}

static int open_annex(struct store *s, struct family *f, const char *path, struct err *e)
{
    hid_t group = disk_keep(&s->disk, H5Gopen2(f->group, path, H5P_DEFAULT));
    struct annex *a = &f->annex[f->annexes++];
    a->path = path;
    a->first = f->parts;
    if (group < 0) return h5_error(e, ERR_STORE, s->disk.path, "cannot open /families/%s/%s", f->is.name, path);
    if (open_sums(s, f, &f->sums[f->annexes], group, ANNEX_SUMS, e)) return -1;
    a->about = h5_get_text(group, "about", &s->arena);
    struct search in = { .s = s, .f = f, .group = group, .sum = "annex_sum", .prefix = a->path };
    const int rc = search_group(&in, e);
    if (rc) return -1;
    a->parts = take_arrays(&in, a->first);
    return a->parts != SIZE_MAX && take_sums(f, &f->sums[f->annexes], a->parts + 1) ? 0 : not_as_made(s, f, path, e);
}

/* In the order in which they were made. */
static int open_annexes(struct store *s, struct family *f, struct annex_place *place, size_t count, struct err *e)
{
    const struct sums own = f->sums[0];
    int rc = 0;
    if (count) qsort(place, count, sizeof *place, by_index);
    f->annex = ARENA_NEW(&s->arena, count, struct annex);
    f->sums = ARENA_NEW(&s->arena, 1 + count, struct sums);
    f->sums[0] = own;
    for (size_t i = 0; i < count && !rc; i++) rc = open_annex(s, f, place[i].path, e);
    return rc;
}

static int open_arrays(struct search *in, struct err *e)
{
    struct family *f = in->f;
    if (search_group(in, e)) return -1;
    const size_t parts = take_arrays(in, 0);
    f->own_arrays = f->is.arrays;
    if (parts == SIZE_MAX || !take_sums(f, f->sums, parts ? parts : 1)) return not_as_made(in->s, f, "", e);
    return open_annexes(in->s, f, in->annex, in->annexes, e);
}

static int open_family(struct store *s, struct family *f, struct err *e)
{
    f->is.about = h5_get_text(f->group, "about", &s->arena);
    f->base = h5_get_text(f->group, "base", &s->arena);
    const size_t length = strlen(f->base);
    if (!length || strncmp(f->is.name, f->base, length) != 0 || (f->is.name[length] && f->is.name[length] != '.'))
        return err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "/families/%s has another name than its base",
                      f->is.name);
    f->sums = ARENA_NEW(&s->arena, 1, struct sums);
    if (open_sums(s, f, f->sums, f->group, "sums", e)) return -1;
    f->is.rows = f->capacity;
    struct search in = { .s = s, .f = f, .group = f->group, .sum = "first_sum", .prefix = "" };
    return open_arrays(&in, e);
}

/* Its place is the attribute `index` of its group. */
static int see_family(void *ctx, const struct link_object *at, struct err *e)
{
    struct store *s = ctx;
    uint64_t index;
    if (at->dataset || !h5_get_number(at->object, "index", &index) || index >= s->families) return -1;
    struct family *f = &s->family[index];
    if (f->is.name) return -1;
    f->is.name = arena_text(&s->arena, at->path, strlen(at->path));
    f->group = disk_keep(&s->disk, H5Gopen2(at->object, ".", H5P_DEFAULT));
    if (f->group < 0) return -1;
    return open_family(s, f, e) ? -1 : LINK_PAST;
}

int family_open_all(struct store *s, struct err *e)
{
    hid_t all = disk_keep(&s->disk, H5Gopen2(s->disk.file, "families", H5P_DEFAULT));
    H5G_info_t info;
    if (all < 0 || H5Gget_info(all, &info) < 0)
        return h5_error(e, ERR_STORE, s->disk.path, "has no readable /families");
    s->families = (size_t)info.nlinks;
    s->family = ARENA_NEW(&s->arena, s->families, struct family);
    return links_walk(&s->disk, all, "/families/", see_family, s, e);
}
