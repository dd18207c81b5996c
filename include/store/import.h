/** store/import.h: weights and splits that come from somebody else's HDF5, .npz or .safetensors file. */
#ifndef TOMBOLA_STORE_IMPORT_H
#define TOMBOLA_STORE_IMPORT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"

struct import_array {
    size_t rank;
    uint64_t dim[4];
    double *value; /* row-major, integers and floats alike converted to double */
};

/** Serial, no MPI.  Read a dataset of up to four dimensions of any numeric type (booleans count).  An .npz or
 *  .safetensors file, told by its first bytes, has the array under the dataset's last name: W_E for x/init/W_E.
 *  ERR_SPEC with file and dataset named if the file is missing or is none of these, has no such dataset (with a near
 *  name), or the dataset is not numeric. */
int import_read(struct import_array *out, const char *file, const char *dataset, struct arena *a, struct err *e);

#endif
