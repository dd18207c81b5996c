#include "store/import.h"

#include "base/archive.h"
#include "base/field.h"
#include "base/text.h"
#include "store/private.h"

#include <stdio.h>
#include <string.h>

struct names { /* of the datasets of a file */
    struct arena arena;
    const char **name;
    size_t count, capacity;
};

static herr_t note_dataset(hid_t root, const char *name, const H5L_info_t *info, void *ctx)
{
    (void)info;
    struct names *n = ctx;
    hid_t object = H5Oopen(root, name, H5P_DEFAULT);
    if (object < 0) return 0; /* a dangling link */
    bool dataset = H5Iget_type(object) == H5I_DATASET;
    H5Oclose(object);
    if (!dataset) return 0;
    if (n->count + 2 > n->capacity) {
        const char **wider = ARENA_NEW(&n->arena, 2 * n->capacity + 16, const char *);
        if (n->count) memcpy(wider, n->name, n->count * sizeof *wider);
        n->name = wider;
        n->capacity = 2 * n->capacity + 16;
    }
    n->name[n->count++] = arena_text(&n->arena, name, strlen(name));
    return 0;
}

static int no_dataset(hid_t h5, const char *file, const char *dataset, struct err *e)
{
    struct names names = { 0 };
    struct buf text = { 0 };
    H5Lvisit(h5, H5_INDEX_NAME, H5_ITER_INC, note_dataset, &names);
    const char *near = names.count ? near_name(dataset, names.name) : NULL;
    if (names.count) names_print(&text, names.name);
    err_at(e, ERR_SPEC, file, NOWHERE, NULL, "has no dataset '%s'; it has: %s%s%s%s", dataset,
           text_shown(names.count ? buf_chars(&text) : "none", 300), near ? "; did you mean '" : "", near ? near : "",
           near ? "'?" : "");
    buf_release(&text);
    arena_release(&names.arena);
    return -1;
}

static int read_values(struct import_array *out, hid_t set, const char *file, const char *dataset, struct arena *a,
                       struct err *e)
{
    hid_t type = H5Dget_type(set), space = H5Dget_space(set);
    H5T_class_t class = H5Tget_class(type);
    int rank = H5Sget_simple_extent_ndims(space), rc = 0;
    hsize_t dim[H5S_MAX_RANK];
    size_t count = 1;
    if (class != H5T_INTEGER && class != H5T_FLOAT && class != H5T_ENUM)
        rc = err_at(e, ERR_SPEC, file, NOWHERE, NULL, "dataset '%s' is not numeric", dataset);
    else if (H5Sget_simple_extent_type(space) == H5S_NULL || rank < 0 || rank > (int)ARRAY_LEN(out->dim))
        rc = err_at(e, ERR_SPEC, file, NOWHERE, NULL, "dataset '%s' has %d dimensions, and at most %zu are read",
                    dataset, rank, ARRAY_LEN(out->dim));
    if (!rc) {
        H5Sget_simple_extent_dims(space, dim, NULL);
        out->rank = (size_t)rank;
        for (int i = 0; i < rank; i++) count *= (size_t)(out->dim[i] = dim[i]);
        out->value = ARENA_NEW(a, count, double);
        if (count && H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, out->value) < 0)
            rc = h5_error(e, ERR_SPEC, file, "dataset '%s' cannot be read", dataset);
    }
    H5Sclose(space);
    H5Tclose(type);
    return rc;
}

static hid_t open_dataset(hid_t h5, const char *dataset)
{
    hid_t object = H5Oopen(h5, dataset, H5P_DEFAULT);
    if (object >= 0 && H5Iget_type(object) == H5I_DATASET) return object;
    if (object >= 0) H5Oclose(object);
    return H5I_INVALID_HID;
}

static int read_hdf5(struct import_array *out, const char *file, const char *dataset, struct arena *a, struct err *e)
{
    h5_start();
    hid_t access_list = h5_access(READING);
    hid_t h5 = H5Fopen(file, H5F_ACC_RDONLY, access_list);
    H5Pclose(access_list);
    if (h5 < 0) return h5_error(e, ERR_SPEC, file, "cannot be read as an HDF5, .npz or .safetensors file");
    hid_t set = open_dataset(h5, dataset);
    int rc = set < 0 ? no_dataset(h5, file, dataset, e) : read_values(out, set, file, dataset, a, e);
    if (set >= 0) H5Dclose(set);
    H5Fclose(h5);
    return rc;
}

static int read_archive(struct import_array *out, const char *file, const char *dataset, struct arena *a,
                        struct err *e)
{
    struct buf bytes = { 0 };
    struct archive_array found = { .rank = 0 };
    const char *slash = strrchr(dataset, '/');
    int rc = buf_read_file(&bytes, file) ? archive_find(&found, &bytes, file, slash ? slash + 1 : dataset, a, e)
                                         : err_at(e, ERR_SPEC, file, NOWHERE, NULL, "cannot be read");
    out->rank = found.rank;
    for (size_t i = 0; i < found.rank; i++) out->dim[i] = found.dim[i];
    if (!rc) out->value = memcpy(ARENA_NEW(a, archive_size(&found), double), found.data, 8 * archive_size(&found));
    buf_release(&bytes);
    return rc;
}

static bool begins_like_archive(const char *file)
{
    char head[16];
    FILE *f = fopen(file, "rb");
    const size_t length = f ? fread(head, 1, sizeof head, f) : 0;
    if (f) fclose(f);
    return archive_is(head, length);
}

int import_read(struct import_array *out, const char *file, const char *dataset, struct arena *a, struct err *e)
{
    memset(out, 0, sizeof *out);
    return (begins_like_archive(file) ? read_archive : read_hdf5)(out, file, dataset, a, e);
}
