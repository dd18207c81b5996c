#include "store/scales.h"
#include "base/text.h"
#include "base/vec.h"
#include "disk/shape.h"
#include "store/store.h"

#include <ctype.h>
#include <string.h>

/* Every axis of a family's datasets is attached to an HDF5 dimension scale in the family's own group, or in that of
 * an annex: one scale for each name and length.  None is shared by families, as a scale lists all that is attached to
 * it. They are netCDF-4's: an axis whose values a constant of that name holds is that constant; any other is a
 * dataset of that length without data, which the file has no room for and nobody writes.
 *
 * The attributes are those of the HDF5 Dimension Scale Specification.  The library's own H5DSattach_scale reads both
 * lists and writes them anew for each axis, which takes most of the time of making a family; here each is written
 * once, when all that it lists is known. */

enum { AXIS_NAME = 64 };
struct back { /* an entry of REFERENCE_LIST */
    hobj_ref_t set;
    int axis;
};
struct scale {
    char axis[AXIS_NAME];
    hsize_t length;
    hid_t set;
    hobj_ref_t at;
    struct buf attached; /* struct back */
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
static bool is_dataset(const struct scales *s, const char *name)
{
    if (H5Lexists(s->group, name, H5P_DEFAULT) > 0) return true;
    for (size_t i = 0; i < s->arrays; i++) {
        const char *base = strrchr(s->array[i].path, '/');
        if (!strcmp(base ? base + 1 : s->array[i].path, name)) return true;
    }
    return false;
}

static bool is_axis(const struct scales *s, const char *name, hsize_t length)
{
    char axis[AXIS_NAME];
    for (size_t i = 0; i < s->arrays; i++)
        for (size_t k = 0; k < s->array[i].rank; k++) {
            axis_of(&s->array[i], k, axis);
            if (s->array[i].dim[k] == length && !strcmp(axis, name)) return true;
        }
    return false;
}

/* ---- scales ---- */

static hid_t make_scale(hid_t group, const char *name, hsize_t length)
{
    static hid_t p = H5I_INVALID_HID;
    if (p < 0) p = H5Pcreate(H5P_DATASET_CREATE);
    MUST(H5Pset_fill_time(p, H5D_FILL_TIME_NEVER) >= 0 && H5Pset_obj_track_times(p, false) >= 0);
    hid_t space = H5Screate_simple(1, &length, NULL);
    hid_t set = H5Dcreate2(group, name, H5T_NATIVE_UINT8, space, H5P_DEFAULT, p, H5P_DEFAULT);
    H5Sclose(space);
    return set;
}

static bool write_attribute(hid_t set, const char *name, hid_t type, hid_t space, const void *value)
{
    hid_t a = H5Acreate2(set, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool ok = a >= 0 && H5Awrite(a, type, value) >= 0;
    if (a >= 0) H5Aclose(a);
    H5Sclose(space);
    return ok;
}

/* The library knows a scale by such a text, ASCII and ended by a NUL, alone. */
static bool write_word(hid_t set, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    MUST(H5Tset_size(type, strlen(text) + 1) >= 0);
    const bool ok = write_attribute(set, name, type, H5Screate(H5S_SCALAR), text);
    H5Tclose(type);
    return ok;
}

/* From now on the dataset, which stays open, is the scale of that axis.  NULL on failure. */
static struct scale *add_scale(struct scales *s, const char *axis, hsize_t length, hid_t set, const char *label)
{
    struct scale *scale = ARENA_NEW(&s->arena, 1, struct scale);
    MUST(text_copy(scale->axis, AXIS_NAME, axis, AXIS_NAME));
    scale->length = length;
    scale->set = set;
    *VEC_MORE_IN(&s->arena, s->scale, s->scales) = scale;
    const bool ok = set >= 0 && write_word(set, "CLASS", "DIMENSION_SCALE") && write_word(set, "NAME", label) &&
                    H5Rcreate(&scale->at, set, ".", H5R_OBJECT, H5I_INVALID_HID) >= 0;
    return ok ? scale : NULL;
}

/* The scale of an axis, made if there is none yet; with the length in its name where the name alone is taken. */
static struct scale *scale_for(struct scales *s, const char *axis, hsize_t length)
{
    char name[AXIS_NAME + 24], label[80];
    for (size_t i = 0; i < s->scales; i++) {
        struct scale *have = s->scale[i];
        if (have->length == length && !strcmp(have->axis, axis)) return have;
    }
    if (is_dataset(s, axis))
        MUST(text_print(name, sizeof name, "%s_%llu", axis, (unsigned long long)length));
    else
        MUST(text_copy(name, sizeof name, axis, AXIS_NAME));
    MUST(text_print(label, sizeof label, "This is a netCDF dimension but not a netCDF variable. %10llu",
                    (unsigned long long)length));
    return add_scale(s, axis, length, make_scale(s->group, name, length), label);
}

/* ---- datasets ---- */

static bool write_list(hid_t set, const char *name, hid_t type, size_t count, const void *list)
{
    return write_attribute(set, name, type, H5Screate_simple(1, &(hsize_t){ count }, NULL), list);
}

static bool write_axes(hid_t set, int rank, struct scale *const *scale)
{
    hvl_t list[SHAPE_RANK];
    hid_t type = H5Tvlen_create(H5T_STD_REF_OBJ);
    for (int i = 0; i < rank; i++) list[i] = (hvl_t){ .len = 1, .p = &scale[i]->at };
    const bool ok = type >= 0 && write_list(set, "DIMENSION_LIST", type, (size_t)rank, list);
    if (type >= 0) H5Tclose(type);
    return ok;
}

/* rank axes by their names. */
static bool name_axes(struct scales *s, hid_t set, char (*axis)[AXIS_NAME], int rank)
{
    hsize_t dim[SHAPE_RANK];
    struct scale *scale[SHAPE_RANK];
    struct back back;
    memset(&back, 0, sizeof back); /* the gaps in it go to the file, too */
    hid_t space = H5Dget_space(set);
    bool ok = H5Sget_simple_extent_ndims(space) == rank && H5Sget_simple_extent_dims(space, dim, NULL) == rank &&
              H5Rcreate(&back.set, set, ".", H5R_OBJECT, H5I_INVALID_HID) >= 0;
    H5Sclose(space);
    for (back.axis = 0; back.axis < rank && ok; back.axis++) {
        ok = (scale[back.axis] = scale_for(s, axis[back.axis], dim[back.axis])) != NULL;
        if (ok) buf_add(&scale[back.axis]->attached, &back, sizeof back);
    }
    return ok && write_axes(set, rank, scale);
}

bool scales_name_sums(struct scales *s, hid_t set)
{
    char axis[2][AXIS_NAME] = { "job", "part" };
    return name_axes(s, set, axis, 2);
}

bool scales_name_array(struct scales *s, hid_t set, const struct store_array *array)
{
    char axis[SHAPE_RANK][AXIS_NAME] = { "job", "slot" };
    int rank = array->parts ? 2 : 1;
    for (size_t i = 0; i < array->rank; i++) axis_of(array, i, axis[rank++]);
    return name_axes(s, set, axis, rank);
}

bool scales_name_constant(struct scales *s, hid_t set, const char *name, size_t count)
{
    char axis[1][AXIS_NAME];
    if (strchr(name, '/')) return true; /* in a group below, which has no scales */
    if (!text_copy(axis[0], AXIS_NAME, name, AXIS_NAME)) return false;
    if (is_axis(s, name, count)) return H5Iinc_ref(set) > 0 && add_scale(s, name, count, set, name);
    const size_t end = strlen(axis[0]); /* a tensor a record in `tensors` */
    if (end > 1 && axis[0][end - 1] == 's') axis[0][end - 1] = '\0';
    return name_axes(s, set, axis, 1);
}

bool scales_end(struct scales *s, bool ok)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(struct back));
    MUST(H5Tinsert(type, "dataset", offsetof(struct back, set), H5T_STD_REF_OBJ) >= 0 &&
         H5Tinsert(type, "dimension", offsetof(struct back, axis), H5T_NATIVE_INT) >= 0);
    for (size_t i = 0; i < s->scales; i++) {
        struct scale *scale = s->scale[i];
        const size_t count = scale->attached.length / sizeof(struct back);
        if (ok && count) ok = write_list(scale->set, "REFERENCE_LIST", type, count, scale->attached.bytes);
        if (scale->set >= 0) H5Dclose(scale->set);
        buf_release(&scale->attached);
    }
    H5Tclose(type);
    arena_release(&s->arena);
    return ok;
}
