/** store/family.h: the arrays of jobs of one shape, and the checksums of their parts. */
#ifndef TOMBOLA_STORE_FAMILY_H
#define TOMBOLA_STORE_FAMILY_H

#include "disk/raw.h"
#include "store/store.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;
struct scales;
struct store;

enum {
    PART_MAX = 1 << 30,  /* bytes of one part */
    PARTS_MAX = 1 << 20, /* parts of an array: as many checkpoints as an attribute can list, and far more */
};

struct stored_array {
    struct raw_set raw;
    size_t first; /* its first column in sums   */
    size_t bytes; /* of one part                */
};
struct sums { /* a dataset [capacity, stride], the columns first, first + 1, ... of a row of checksums */
    struct raw_set raw;
    size_t first, columns, stride; /* stride: whole pages, so that no two rows are written by one page */
    const char *path;              /* for messages */
};
struct annex {
    const char *path, *about;
    size_t first, parts; /* its columns in a row of checksums; behind them the word that vouches for them */
};
struct family {
    struct store_family is;
    const char *base; /* the name that the need knows: "x" for "x", "x.2", "x.3" */
    struct stored_array *array;
    hid_t group;
    struct sums *sums;      /* [1 + annexes]: its own, then theirs                       */
    size_t parts, capacity; /* columns and rows of the checksums, the annexes' behind its own */
    struct annex *annex;
    size_t annexes, own_arrays; /* the arrays of the annexes stand behind its own            */
};
CHECKED int family_open_all(struct store *s, struct err *e);
/** Make families/NAME with room for `rows`, as number `index`. */
CHECKED int family_create(hid_t file, const char *path, const struct store_family *f, const char *name, size_t index,
                          size_t rows, struct err *e);
/** The arrays of the group, with columns of checksums that their attribute `sum` says: how many, or SIZE_MAX. */
size_t family_create_arrays(struct scales *s, const char *sum, size_t rows);
/** Room for so many columns of checksums, which the caller closes; negative on failure. */
hid_t sums_create(struct scales *s, const char *path, size_t rows, size_t columns, const char *about);
/** Does the store's family have the arrays that the need's has? */
bool family_same(const struct family *have, const struct store_family *want);
/** Is the store's family of an earlier version, which had fewer arrays?  What is in it can be read as it is. */
bool family_older(const struct family *have, const struct store_family *want);
/** Can jobs of the need's family get rows in the store's? */
bool family_takes(const struct family *have, const struct store_family *want);
/** Write the constants again that do not agree with their checksums. */
CHECKED int family_mend(struct store *s, const struct family *have, const struct store_family *want, struct err *e);
/** ERR_STORE if one of its constants does not agree with its checksum. */
CHECKED int family_sound(struct store *s, const struct family *f, struct err *e);
/** A constant of a family, as the file has it. */
struct constant_image {
    const struct column *column; /* of a compound, else NULL */
    enum column_type type;       /* of a plain one           */
    size_t count, stride;
    char *row; /* [count * stride], which agree with their checksum */
};
/** Read one, and check it.  Everything in the arena.  False if there is none, or it is damaged. */
CHECKED bool family_read_constant(hid_t group, const char *name, struct constant_image *out, struct arena *a);
/** The family of a row, which is a row of it; NULL with *e filled. */
const struct family *family_of_row(const struct store *s, const struct store_row *r, struct err *e);
CHECKED int sums_read(struct store *s, const struct family *f, size_t row, size_t first, size_t count, uint64_t *sums,
                      struct err *e);
CHECKED int sums_write(struct store *s, const struct family *f, size_t row, size_t first, size_t count,
                       const uint64_t *sums, struct err *e);
/** Words of a row of checksums in the file, where it has so many. */
size_t sums_stride(size_t columns);

/** The checksum over the sums of a row that a commit vouches for. */
uint64_t sums_sum(const struct family *f, const uint64_t *sums);

#endif
