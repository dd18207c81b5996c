/** store/scales.h: HDF5's names for the axes of arrays. */
#ifndef TOMBOLA_STORE_SCALES_H
#define TOMBOLA_STORE_SCALES_H

#include "base/arena.h"
#include "base/buf.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

struct store_array;

struct scales { /* of a group that is being made, a family or an annex: begins with the group and its arrays */
    hid_t group;
    const struct store_array *array;
    size_t arrays, skip;  /* characters before an array's path in the group */
    struct scale **scale; /* see scales.c */
    size_t scales;
    struct arena arena;
};
/** Attach every axis of a dataset that has just been made to a scale of the group.  A constant that is an axis of the
 * arrays is its scale: constants come first.  False, with the reason noted for h5_error. */
CHECKED bool scales_name_constant(struct scales *s, hid_t set, const char *name, size_t count);
CHECKED bool scales_name_array(struct scales *s, hid_t set, const struct store_array *array);
CHECKED bool scales_name_sums(struct scales *s, hid_t set);
/** Write into the scales what is attached to them, if all went well so far, and release them in any case. */
CHECKED bool scales_end(struct scales *s, bool ok);

#endif
