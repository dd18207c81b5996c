/** task/idx.h: files in the IDX format of the MNIST distribution (LeCun, Cortes, Burges): numbers of one byte in one
 * to three dimensions, gzipped or not. */
#ifndef TOMBOLA_TASK_IDX_H
#define TOMBOLA_TASK_IDX_H

#include "base/arena.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { IDX_RANK = 3, IDX_MOST = 1 << 30 }; /* IDX_MOST: bytes of one file that are read */

struct idx {
    size_t rank, dim[IDX_RANK], size; /* size: product of the dimensions              */
    const uint8_t *byte;              /* [size] row-major, in the arena; NULL: not read */
};

/** Read the file at path, or PATH.gz where there is no such file; only the head if a is NULL.  ERR_SPEC names the
 * file if it cannot be opened, is no regular file, is no IDX file of bytes in `rank` dimensions, says that it has
 * more than IDX_MOST, has not exactly the bytes that it says (there is no room made for bytes that it cannot have),
 * or fails gzip's CRC-32. */
CHECKED int idx_read(const char *path, size_t rank, struct arena *a, struct idx *out, struct err *e);

#endif
