/** base/archive.h: arrays as the files that Python opens: .npy and .npz (NumPy's NEP 1), .safetensors, .csv.
 *
 *  Numbers lie in the order of a little-endian machine, row-major.
 */
#ifndef TOMBOLA_BASE_ARCHIVE_H
#define TOMBOLA_BASE_ARCHIVE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/column.h"
#include "base/err.h"

enum { ARCHIVE_RANK = 4 };

/** type: COLUMN_F64, F32, I64, U64 or U8. */
struct archive_array {
    const char *name; /* the caller's */
    enum column_type type;
    size_t rank, dim[ARCHIVE_RANK];
    const void *data;
};
/** Product of the dimensions. */
size_t archive_size(const struct archive_array *a);

/** Append a whole file.  npy: one array. */
void archive_npy(struct buf *out, const struct archive_array *a);
void archive_npz(struct buf *out, const struct archive_array *a, size_t count);
void archive_safetensors(struct buf *out, const struct archive_array *a, size_t count);
/** Vectors of one length side by side, a column each; anything else a line a number: name, indices, value. */
void archive_csv(struct buf *out, const struct archive_array *a, size_t count);

/** Find an array by name in the bytes of an .npz or a .safetensors file (`what` names it in errors) and convert it to
 *  doubles in the arena: out->data, whatever type it had.  ERR_SPEC if the file is neither, is cut off, or has no
 * such array, or one of an unknown type; the arrays that it has are listed. */
int archive_find(struct archive_array *out, const struct buf *file, const char *what, const char *name,
                 struct arena *a, struct err *e);
/** Does a file with these first bytes look like one that archive_find reads? */
bool archive_is(const void *bytes, size_t length);

#endif
