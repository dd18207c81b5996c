/** disk/h5.h: the HDF5 library, its errors, and files on disk. */
#ifndef TOMBOLA_DISK_H5_H
#define TOMBOLA_DISK_H5_H

#include "base/err.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum {
    PAGE = 4096,    /* a record inside one page is written whole or not at all, even by a killed process */
    PIECE = 1 << 16 /* bytes of an archive that are compressed together                                  */
};

/** Before any other HDF5 call: no clean-up at exit (it is collective and would hang), no error printing. */
void h5_start(void);
/** -1 with *e filled: the text and HDF5's own innermost reason.  ERR_FULL stays so only if the disk is full. */
int h5_error(struct err *e, enum err_kind kind, const char *file, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/** The attribute of the root that an archive has: what it was made of. */
#define ARCHIVE "archive"
/** The same of a store that was merged from others. */
#define MERGED "merged_from"

enum use {
    READING,
    WRITING, /* what has a page or more begins on one            */
    PACKING  /* an archive that is being made: nothing is padded */
};
/** The file access list of everybody: no caches that hide or delay raw data, no file locks. */
hid_t h5_access(enum use use);
/** Why something below HDF5 has failed, for the next h5_error. */
void h5_reason(const char *text);
/** Serial.  Negative with *e filled on failure. */
hid_t h5_open(const char *path, enum use use, struct err *e);
/** A contiguous dataset, allocated at once, never filled; in a file whose root has the attribute ARCHIVE, a
 * compressed one.  Missing groups on its path are made. */
hid_t h5_dataset(hid_t at, const char *path, hid_t type, int rank, const hsize_t *dim);
hid_t h5_group(hid_t at, const char *path);
/** Attributes: fixed-length UTF-8 texts and unsigned numbers.  False on failure, or if there is none. */
bool h5_set_text(hid_t object, const char *name, const char *text);
bool h5_set_number(hid_t object, const char *name, uint64_t value);
/** Any attribute as text, "" if there is none. */
const char *h5_get_text(hid_t object, const char *name, struct arena *a);
CHECKED bool h5_get_number(hid_t object, const char *name, uint64_t *value);
/** A checksum over the names and values of an object's attributes, the one called "checksum" apart: HDF5 keeps one
 *  over few attributes, but not over many. */
CHECKED bool h5_sum_attributes(hid_t object, uint64_t *sum);
/** Write that one. */
bool h5_seal_attributes(hid_t object);

#endif
