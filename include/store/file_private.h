/** store/file_private.h: what a store's file is made of: the library, raw bytes, shapes, links, types, rows of one
 *  layout to rows of another.  Of this folder alone. */
#ifndef TOMBOLA_STORE_FILE_PRIVATE_H
#define TOMBOLA_STORE_FILE_PRIVATE_H

#include "base/buf.h"
#include "store/store.h"

#include <hdf5.h>

enum {
    PAGE = 4096,         /* a record inside one page is written whole or not at all, even by a killed process */
    BLOCK = 256,         /* rows moved at once                                                                */
    ROW_MIN = 1024,      /* bytes of a row of /jobs: a power of two, so that no row straddles a page          */
    PIECE = 1 << 16,     /* bytes of an archive that are compressed together                                  */
    PART_MAX = 1 << 30,  /* bytes of one part                                                                 */
    PARTS_MAX = 1 << 20, /* parts of an array: as many checkpoints as an attribute can list, and far more  */
    FIXED = sizeof(struct store_row)
};

/* ---- h5.c: the library, its errors, files on disk ---- */

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

/* ---- raw.c: the bytes of datasets that are there.  Independent; one write is one write of the file. ---- */

struct raw_set {
    hid_t set;
    uint64_t at; /* of a contiguous dataset in the file */
    bool packed; /* it is a compressed one: of an archive, whose reading needs no handle and allows caches */
};
/** Open a dataset of the store for what follows; it is closed with the store. */
hid_t raw_open(struct store *s, hid_t at, const char *path);
/** Where the `size` bytes of an open dataset are; false if it is of another size. */
CHECKED bool raw_place(struct raw_set *out, hid_t set, size_t size);
/** Bytes [offset, offset + size) of the dataset.  False, with the reason noted for h5_error, unless all bytes have
 * been moved.  Of a packed one they must be a box: whole along the inner axes, single along the outer ones. */
CHECKED bool raw_read(struct store *s, const struct raw_set *from, uint64_t offset, void *bytes, size_t size);
CHECKED bool raw_write(struct store *s, const struct raw_set *to, uint64_t offset, const void *bytes, size_t size);

/* ---- shape.c: what a file says of a dataset, believed only as far as it can be true ---- */

#define SHAPE_RANK  (2 + STORE_RANK)
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
CHECKED bool shape_open(struct store *s, hid_t at, const char *path, size_t rank, struct shape *shape,
                        struct raw_set *out);

/* ---- links.c: the only way into a file from a stranger ---- */

struct link_object {
    hid_t object;     /* open as long as the visit lasts        */
    const char *path; /* from where the walk began; as lasting  */
    size_t depth;     /* 0: in the group where the walk began   */
    bool dataset;     /* else a group                           */
};
enum { LINK_INTO, LINK_PAST };
/** LINK_INTO: what is in the group follows; LINK_PAST: it does not.  -1, if *e is not filled: the object is damaged.
 */
typedef int link_visit(void *ctx, const struct link_object *at, struct err *e);
/** Visit all that is in the group and below, by name.  ERR_STORE, naming it with `base` before its path, for any link
 *  but a hard one, for an object with two names, and for datasets with a shape_fault. */
CHECKED int links_walk(struct store *s, hid_t group, const char *base, link_visit *visit, void *ctx, struct err *e);

/* ---- types.c: columns <-> HDF5 types.  Memory and file types are the same, so nothing is ever converted. ---- */

hid_t type_plain(enum column_type type, size_t text_size);
hid_t type_compound(const struct column *columns, size_t size);
/** False if it is none of ours. */
CHECKED bool type_read(hid_t type, enum column_type *out);
/** The members of a compound with the units and help of `about`; NULL if one is none of ours, or if two have one name
 *  or overlap. */
struct column *type_columns(hid_t compound, const char *about, struct arena *a);
/** Has `have` the first `count` columns of `want`, of the same types?  Texts may be of any length. */
bool columns_include(const struct column *have, const struct column *want, size_t count);
/** "name [unit]: help" a line. */
void columns_about(const struct column *columns, struct buf *out);
size_t columns_count(const struct column *columns);
const struct column *columns_find(const struct column *columns, const char *name);
/** Every column of the row to its missing value. */
void columns_blank(const struct column *columns, void *row);

/* ---- convert.c: rows of one layout to rows of another, column by column, by name ---- */

struct span {
    size_t from, to, size, pad; /* copy size bytes, then pad zeros       */
    const uint8_t *map;         /* of an enum whose names have moved     */
};
struct convert {
    struct span *span;
    size_t spans;
};
void convert_init(struct convert *c, const struct column *from, const struct column *to, struct arena *a);
void convert_run(const struct convert *c, const void *from, void *to);
/** Can every value of `from` be kept in `to`? */
bool column_holds(const struct column *to, const struct column *from);

#endif
