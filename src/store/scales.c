#include "base/text.h"
#include "store/private.h"

#include <ctype.h>
#include <hdf5_hl.h>
#include <string.h>

/* Every axis of a family's datasets is attached to an HDF5 dimension scale in the family's own group, or in that of
 * an annex: one scale for each name and length.  None is shared by families, as a scale lists all that is attached to
 * it. They are netCDF-4's: an axis whose values a constant of that name holds is that constant; any other is a
 * dataset of that length without data, which the file has no room for and nobody writes. */

enum { AXIS_NAME = 64 };
struct scale {
    char axis[AXIS_NAME];
    hsize_t length;
    hid_t set;
};
struct scaling {
    hid_t group;
    const struct store_array *array;
    size_t arrays, skip;
    struct buf scale;     /* struct scale */
    struct buf constants; /* names, one NUL-terminated text behind the other */
};

/* ---- what axes are called ---- */

/* Of an array that does not say it. */
static const char *usual_axis(const struct store_array *array)
{
    if (!strncmp(array->path, "series/", 7)) return "epoch";
    if (!strncmp(array->path, "measures/", 9)) return "value";
    return array->scratch ? "byte" : "weight";
}

/* The i-th of "neuron, frequency", in letters, digits and underscores. */
static void axis_of(const struct store_array *array, size_t i, char name[AXIS_NAME])
{
    size_t length = 0;
    const char *at = array->axes ? array->axes : "";
    for (size_t k = 0; k < i && at; k++) at = (at = strchr(at, ',')) ? at + 1 : NULL;
    for (; at && *at && *at != ',' && length < AXIS_NAME - 1; at++)
        if (isalnum((unsigned char)*at) || *at == '_') name[length++] = *at;
    name[length] = '\0';
    if (!length && i == 0) MUST(text_copy(name, AXIS_NAME, usual_axis(array), AXIS_NAME));
    if (!length && i > 0) MUST(text_print(name, AXIS_NAME, "%s%zu", usual_axis(array), i));
}

/* A dataset beside which a dimension of its name would be taken for the dataset's axis. */
static bool is_dataset(const struct scaling *s, const char *name)
{
    if (H5Lexists(s->group, name, H5P_DEFAULT) > 0) return true;
    for (size_t i = 0; i < s->arrays; i++) {
        const char *base = strrchr(s->array[i].path, '/');
        if (!strcmp(base ? base + 1 : s->array[i].path, name)) return true;
    }
    return false;
}

/* ---- scales ---- */

static hid_t make_scale(hid_t group, const char *name, hsize_t length)
{
    char note[80];
    MUST(text_print(note, sizeof note, "This is a netCDF dimension but not a netCDF variable. %10llu",
                    (unsigned long long)length));
    hid_t p = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, &length, NULL);
    MUST(H5Pset_fill_time(p, H5D_FILL_TIME_NEVER) >= 0 && H5Pset_obj_track_times(p, false) >= 0);
    hid_t set = H5Dcreate2(group, name, H5T_NATIVE_UINT8, space, H5P_DEFAULT, p, H5P_DEFAULT);
    H5Sclose(space);
    H5Pclose(p);
    if (set >= 0 && H5DSset_scale(set, note) >= 0) return set;
    if (set >= 0) H5Dclose(set);
    return H5I_INVALID_HID;
}

static void note_scale(struct scaling *s, const char *axis, hsize_t length, hid_t set)
{
    struct scale scale = { .length = length, .set = set };
    MUST(text_copy(scale.axis, AXIS_NAME, axis, AXIS_NAME));
    buf_add(&s->scale, &scale, sizeof scale);
}

/* The scale of an axis, made if there is none yet; with the length in its name where the name alone is taken. */
static hid_t scale_for(struct scaling *s, const char *axis, hsize_t length)
{
    char name[AXIS_NAME + 24];
    for (size_t at = 0; at < s->scale.length; at += sizeof(struct scale)) {
        struct scale have;
        memcpy(&have, s->scale.bytes + at, sizeof have);
        if (have.length == length && !strcmp(have.axis, axis)) return have.set;
    }
    if (is_dataset(s, axis))
        MUST(text_print(name, sizeof name, "%s_%llu", axis, (unsigned long long)length));
    else
        MUST(text_copy(name, sizeof name, axis, AXIS_NAME));
    const hid_t set = make_scale(s->group, name, length);
    if (set >= 0) note_scale(s, axis, length, set);
    return set;
}

/* ---- datasets ---- */

/* rank axes by their names. */
static bool attach(struct scaling *s, hid_t set, char (*axis)[AXIS_NAME], int rank)
{
    hsize_t dim[SHAPE_RANK];
    hid_t space = H5Dget_space(set);
    bool ok = H5Sget_simple_extent_ndims(space) == rank && H5Sget_simple_extent_dims(space, dim, NULL) == rank;
    H5Sclose(space);
    for (int i = 0; i < rank && ok; i++) {
        const hid_t scale = scale_for(s, axis[i], dim[i]);
        ok = scale >= 0 && H5DSattach_scale(set, scale, (unsigned)i) >= 0;
    }
    return ok;
}

static bool attach_sums(struct scaling *s, const char *sums)
{
    char axis[2][AXIS_NAME] = { "job", "part" };
    const hid_t set = H5Dopen2(s->group, sums, H5P_DEFAULT);
    const bool ok = set >= 0 && attach(s, set, axis, 2);
    if (set >= 0) H5Dclose(set);
    return ok;
}

static bool attach_array(struct scaling *s, const struct store_array *array)
{
    char axis[SHAPE_RANK][AXIS_NAME] = { "job", "slot" };
    int rank = array->parts ? 2 : 1;
    for (size_t i = 0; i < array->rank; i++) axis_of(array, i, axis[rank++]);
    const hid_t set = H5Dopen2(s->group, array->path + s->skip, H5P_DEFAULT);
    const bool ok = set >= 0 && attach(s, set, axis, rank);
    if (set >= 0) H5Dclose(set);
    return ok;
}

static herr_t note_constant(hid_t group, const char *name, const H5L_info_t *info, void *ctx)
{
    struct scaling *s = ctx;
    (void)info;
    if (H5Aexists_by_name(group, name, "checksum", H5P_DEFAULT) > 0) buf_add(&s->constants, name, strlen(name) + 1);
    return 0;
}

static bool is_axis(const struct scaling *s, const char *name, hsize_t length)
{
    char axis[AXIS_NAME];
    for (size_t i = 0; i < s->arrays; i++)
        for (size_t k = 0; k < s->array[i].rank; k++) {
            axis_of(&s->array[i], k, axis);
            if (s->array[i].dim[k] == length && !strcmp(axis, name)) return true;
        }
    return false;
}

/* One that is no axis has one: a tensor a record in `tensors`. */
static bool scale_constant(struct scaling *s, const char *name)
{
    char axis[1][AXIS_NAME];
    hsize_t length = 0;
    const hid_t set = H5Dopen2(s->group, name, H5P_DEFAULT);
    if (set < 0) return false;
    hid_t space = H5Dget_space(set);
    bool ok = H5Sget_simple_extent_ndims(space) == 1 && H5Sget_simple_extent_dims(space, &length, NULL) == 1 &&
              text_copy(axis[0], AXIS_NAME, name, AXIS_NAME);
    H5Sclose(space);
    if (ok && is_axis(s, name, length)) {
        ok = H5DSset_scale(set, name) >= 0;
        if (ok) note_scale(s, name, length, set);
        if (ok) return true;
    } else if (ok) {
        const size_t end = strlen(axis[0]);
        if (end > 1 && axis[0][end - 1] == 's') axis[0][end - 1] = '\0';
        ok = attach(s, set, axis, 1);
    }
    H5Dclose(set);
    return ok;
}

static bool scale_constants(struct scaling *s)
{
    if (H5Literate(s->group, H5_INDEX_NAME, H5_ITER_INC, NULL, note_constant, s) < 0) return false;
    bool ok = true;
    for (size_t at = 0; at < s->constants.length && ok; at += strlen(s->constants.bytes + at) + 1)
        ok = scale_constant(s, s->constants.bytes + at);
    return ok;
}

bool scales_attach(hid_t group, const struct store_array *array, size_t arrays, size_t skip, const char *sums)
{
    struct scaling s = { .group = group, .array = array, .arrays = arrays, .skip = skip };
    bool ok = attach_sums(&s, sums) && scale_constants(&s);
    for (size_t i = 0; i < arrays && ok; i++) ok = attach_array(&s, &array[i]);
    for (size_t at = 0; at < s.scale.length; at += sizeof(struct scale)) {
        struct scale have;
        memcpy(&have, s.scale.bytes + at, sizeof have);
        H5Dclose(have.set);
    }
    buf_release(&s.scale);
    buf_release(&s.constants);
    return ok;
}
