/** disk/import.h: arrays that come from somebody else's HDF5, .npz, .npy or .safetensors file. */
#ifndef TOMBOLA_DISK_IMPORT_H
#define TOMBOLA_DISK_IMPORT_H

#include "disk/archive.h"

struct import_array {
    size_t rank, dim[ARCHIVE_RANK];
    double *value;              /* row-major, integers and floats alike converted to double; NULL: not read */
    const void *stored;         /* of import_native: the same as they were stored, numbers of place.type    */
    struct archive_place place; /* of import_find and import_native                                         */
};

/** An HDF5, .npz or .safetensors file that is open.  Serial, no MPI. */
struct import_file;

/** *out is the caller's to close.  ERR_SPEC if the file is missing, is no regular one or none of these. */
CHECKED int import_open(struct import_file **out, const char *file, struct err *e);
void import_close(struct import_file *f); /* may be NULL */

/** Read a dataset of up to four dimensions of any numeric type (booleans count), if accept agrees
 * with its shape: it is asked before there is room for a number, or one is read.  An .npz or .safetensors file, told
 * by its first bytes, has the array under the dataset's last name: W_E for x/init/W_E. ERR_SPEC with file and dataset
 * named if the file has no such dataset (with a near name), or the dataset is not numeric, lies in another file (an
 * external link, external storage, a virtual dataset), or is packed otherwise than by gzip, shuffle and fletcher32,
 * or in larger pieces than itself. */
CHECKED int import_read(struct import_array *out, struct import_file *f, const char *dataset, archive_accept *accept,
                        const void *ctx, struct arena *a, struct err *e);
/** The same of a dataset that need not be there: then out->value is NULL. */
CHECKED int import_try(struct import_array *out, struct import_file *f, const char *dataset, archive_accept *accept,
                       const void *ctx, struct arena *a, struct err *e);
/** The same as import_read, but numbers that lie in the file as they are, contiguous and in this machine's order, are
 * not read: out->place says where they are, for archive_read_at.  leave_packed: nor are any others. */
CHECKED int import_find(struct import_array *out, struct import_file *f, const char *dataset, archive_accept *accept,
                        const void *ctx, bool leave_packed, struct arena *a, struct err *e);
/** The same of numbers that nobody converts: where place says so they lie in the file import_handle, else they are
 * out->stored, in the arena; neither if the dataset is optional and is not there.  The array of an .npy file is
 * called "". At most `most` bytes are unpacked. */
CHECKED int import_native(struct import_array *out, struct import_file *f, const char *dataset,
                          archive_accept *accept, const void *ctx, bool optional, uint64_t most, struct arena *a,
                          struct err *e);
/** Its descriptor, which stays its own. */
int import_handle(const struct import_file *f);

#endif
