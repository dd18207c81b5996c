/** disk/raw.h: the bytes of datasets that are there.  Independent; one write is one write of the file. */
#ifndef TOMBOLA_DISK_RAW_H
#define TOMBOLA_DISK_RAW_H

#include "base/checked.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk;

struct raw_set {
    hid_t set;
    uint64_t at; /* of a contiguous dataset in the file */
    bool packed; /* it is a compressed one: of an archive, whose reading needs no handle and allows caches */
};
/** Open a dataset of the store for what follows; it is closed with the store. */
hid_t raw_open(struct disk *d, hid_t at, const char *path);
/** Where the `size` bytes of an open dataset are; false if it is of another size. */
CHECKED bool raw_place(struct raw_set *out, hid_t set, size_t size);
/** Bytes [offset, offset + size) of the dataset.  False, with the reason noted for h5_error, unless all bytes have
 * been moved.  Of a packed one they must be a box: whole along the inner axes, single along the outer ones. */
CHECKED bool raw_read(struct disk *d, const struct raw_set *from, uint64_t offset, void *bytes, size_t size);
CHECKED bool raw_write(struct disk *d, const struct raw_set *to, uint64_t offset, const void *bytes, size_t size);

#endif
