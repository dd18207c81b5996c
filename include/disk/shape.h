/** disk/shape.h: what a file says of a dataset, believed only as far as it can be true. */
#ifndef TOMBOLA_DISK_SHAPE_H
#define TOMBOLA_DISK_SHAPE_H

#include "base/checked.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

struct raw_set;
struct disk;

#define SHAPE_RANK  5
#define SHAPE_BYTES ((size_t)1 << 60)
struct shape {
    size_t rank, dim[SHAPE_RANK];
    size_t element, count, bytes; /* of an element; elements; bytes of all: without overflow */
};
/** False unless the dataset has 1 to SHAPE_RANK axes and at most SHAPE_BYTES. */
CHECKED bool shape_read(hid_t set, struct shape *out);
/** Why the data of an open dataset of the file cannot be those of a store: they lie in other files or beyond the end,
 *  or are packed as no archive is.  NULL: nothing is wrong. */
const char *shape_fault(hid_t file, hid_t set);
/** Open a dataset of the store for good, with its shape and place.  False, with the reason noted for h5_error, if it
 *  has another number of axes, or is packed outside an archive. */
CHECKED bool shape_open(struct disk *d, hid_t at, const char *path, size_t rank, struct shape *shape,
                        struct raw_set *out);

#endif
