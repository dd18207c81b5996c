/** disk/archive.h: arrays as the files that Python opens: .npy and .npz (NumPy's NEP 1), .safetensors, .csv.
 *
 *  Numbers lie in the order of a little-endian machine, row-major.
 */
#ifndef TOMBOLA_DISK_ARCHIVE_H
#define TOMBOLA_DISK_ARCHIVE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/column.h"
#include "base/err.h"
#include "base/stored.h"

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
/** The same, with sizes and places above `limit` as Zip64 has them: archive_npz's limit is what 32 bits hold. */
void archive_npz_large(struct buf *out, const struct archive_array *a, size_t count, uint64_t limit);
void archive_safetensors(struct buf *out, const struct archive_array *a, size_t count);
/** Vectors of one length side by side, a column each; anything else a line a number: name, indices, value. */
void archive_csv(struct buf *out, const struct archive_array *a, size_t count);

/** Judges a shape before any number of the array is read, and before there is room for it: 0, or -1 with *e filled.
 */
typedef int archive_accept(const void *ctx, size_t rank, const size_t *dim, struct err *e);

/** Where the numbers of an array lie in a file as they are, row-major, one behind the other. */
struct archive_place {
    bool known; /* false: they are packed, or of a type that is none of the above */
    enum stored_type type;
    uint64_t at; /* byte of the file */
    bool summed; /* in an .npz: the CRC-32 of what is before them, and of that and them */
    uint32_t sum_before, sum;
};
/** True unless the numbers, `bytes` of them, are not those that their CRC-32 was made of. */
CHECKED bool archive_sum_agrees(const struct archive_place *place, const void *numbers, size_t bytes);
/** That many numbers from that place of the file in fd, as doubles.  ERR_SPEC if the file ends before. */
CHECKED int archive_read_at(int fd, const char *what, const struct archive_place *place, size_t count, double *out,
                            struct err *e);

struct archive_wish {
    const char *name; /* of the array */
    archive_accept *accept;
    const void *ctx;
    /** NULL: read the numbers.  Else this says where they are, and they are not read, nor is their CRC-32; packed
     * ones are read unless leave_packed says to leave them alone, too. */
    struct archive_place *place;
    bool leave_packed;
    bool optional; /* none of that name is no error, and then nothing is found */
    /** Packed numbers that are read stay in their own type, place->type, instead of becoming doubles: only with a
     * place.  At most `most` bytes of them, 0: any number. */
    bool native;
    uint64_t most;
};

/** Find an array by name in an .npz file (zip, also zip64; stored or deflated) or a .safetensors file, or that of an
 *  .npy file, whose name is "", open in fd (`what` names it in errors), and convert it to doubles in the arena:
 * out->data, whatever type it had (NULL: not read, as wished); out->name stays empty.  The file may be anybody's:
 * sizes, places and types are checked before they are used, an array by the wish before it is inflated, an .npz's
 * also by its CRC-32.  Beside the array itself it takes some 8 MiB at most. ERR_SPEC if the file is neither, is
 * damaged, changes meanwhile, has no such array (those that it has are listed) or two, or one of an unknown type,
 * packed in another way, or encrypted. */
CHECKED int archive_find(struct archive_array *out, int fd, const char *what, const struct archive_wish *wish,
                         struct arena *a, struct err *e);
/** Does a file with these first bytes look like one that archive_find reads? */
bool archive_is(const void *bytes, size_t length);

#endif
