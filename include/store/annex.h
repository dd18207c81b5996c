/** store/annex.h: arrays that a family was given later: measures of finished jobs. */
#ifndef TOMBOLA_STORE_ANNEX_H
#define TOMBOLA_STORE_ANNEX_H

#include "disk/h5.h"

#include <stddef.h>
#include <stdint.h>

struct annex;
struct err;
struct family;
struct store;
struct store_annex;
struct store_row;

#define ANNEX_SUMS "checksums" /* the dataset in an annex's group */
/** Which arrays of the family are the annex's: [first, end). */
void annex_arrays(const struct family *f, const struct annex *a, size_t *first, size_t *end);
/** NULL: the family has none of that path. */
const struct annex *annex_find(const struct store *s, size_t family, const char *path);
struct annex_wish {
    const struct store_annex *annex;
    size_t count;
    enum use use;
};
/** Make the annexes, an annex_wish, that the store at path lacks. */
CHECKED int annex_make_all(const char *path, const void *wish, struct err *e);
/** Write the word that makes the row's part of an annex complete. */
CHECKED int annex_vouch(struct store *s, const struct store_row *r, const char *path, struct err *e);

/** The checksum over an annex's part of a row of checksums. */
uint64_t annex_sum(const struct annex *a, const uint64_t *sums);

#endif
