#include "disk/shape.h"
#include "disk/file.h"
#include "disk/h5.h"
#include "disk/raw.h"

enum { PIECE_MAX = 256 * PIECE }; /* earlier archives had larger pieces */

/* What a file says of a dataset is believed only as far as it can be true: its numbers are multiplied, reserved and
 * read from here on. */

static bool multiply(size_t *product, hsize_t by)
{
    if (by && *product > SHAPE_BYTES / by) return false;
    *product *= (size_t)by;
    return true;
}

static bool read_extent(hid_t space, struct shape *out)
{
    hsize_t dim[SHAPE_RANK];
    const int rank = H5Sget_simple_extent_ndims(space);
    if (H5Sget_simple_extent_type(space) != H5S_SIMPLE || rank < 1 || rank > SHAPE_RANK) return false;
    if (H5Sget_simple_extent_dims(space, dim, NULL) != rank) return false;
    out->rank = (size_t)rank;
    out->count = 1;
    for (size_t i = 0; i < out->rank; i++) {
        if (dim[i] > SHAPE_BYTES || !multiply(&out->count, dim[i])) return false;
        out->dim[i] = (size_t)dim[i];
    }
    return true;
}

bool shape_read(hid_t set, struct shape *out)
{
    const hid_t type = H5Dget_type(set), space = H5Dget_space(set);
    *out = (struct shape){ .element = H5Tget_size(type) };
    bool ok = out->element > 0 && read_extent(space, out);
    out->bytes = out->count;
    ok = ok && multiply(&out->bytes, out->element);
    H5Sclose(space);
    H5Tclose(type);
    return ok;
}

/* ---- where it lies ---- */

static bool our_filters(hid_t made)
{
    const int filters = H5Pget_nfilters(made);
    bool ours = filters >= 0;
    for (int i = 0; i < filters; i++) {
        unsigned flags, config;
        size_t values = 0;
        const H5Z_filter_t is = H5Pget_filter2(made, (unsigned)i, &flags, &values, NULL, 0, NULL, &config);
        ours = ours && (is == H5Z_FILTER_SHUFFLE || is == H5Z_FILTER_DEFLATE);
    }
    return ours;
}

static const char *packed_fault(hid_t made, const struct shape *shape)
{
    hsize_t piece[SHAPE_RANK];
    size_t bytes = shape->element;
    if (!our_filters(made)) return "is packed by a filter that no store uses";
    if (H5Pget_chunk(made, SHAPE_RANK, piece) != (int)shape->rank) return "is packed in pieces of another rank";
    for (size_t i = 0; i < shape->rank; i++)
        if (!multiply(&bytes, piece[i])) return "is packed in pieces without end";
    return bytes > PIECE_MAX ? "is packed in pieces that are too large" : NULL;
}

/* A dimension scale without values, see scales.c. */
static bool is_mere_length(hid_t set)
{
    return H5Aexists(set, "CLASS") > 0 && H5Aexists(set, "checksum") == 0;
}

static const char odd_shape[] = "has a shape that no store has";

static const char *plain_fault(hid_t file, hid_t set, const struct shape *shape)
{
    hsize_t end;
    const haddr_t at = H5Dget_offset(set);
    if (!shape->bytes || (at == HADDR_UNDEF && is_mere_length(set))) return NULL;
    if (at == HADDR_UNDEF || H5Dget_storage_size(set) != shape->bytes) return "has no room in the file";
    if (H5Fget_filesize(file, &end) < 0 || at > end || shape->bytes > end - at) return "does not end in the file";
    return NULL;
}

const char *shape_fault(hid_t file, hid_t set)
{
    struct shape shape;
    if (H5Dget_offset(set) !=
        HADDR_UNDEF) /* so it is contiguous, and in the file; how it was made takes long to ask */
        return shape_read(set, &shape) ? plain_fault(file, set, &shape) : odd_shape;
    const hid_t made = H5Dget_create_plist(set);
    const H5D_layout_t layout = H5Pget_layout(made);
    const char *fault = "is laid out as in no store";
    if (layout == H5D_VIRTUAL || H5Pget_external_count(made) != 0)
        fault = "has its data in other places: a store keeps them in itself";
    else if (!shape_read(set, &shape))
        fault = odd_shape;
    else if (layout == H5D_CHUNKED)
        fault = packed_fault(made, &shape);
    else if (layout == H5D_CONTIGUOUS)
        fault = plain_fault(file, set, &shape);
    H5Pclose(made);
    return fault;
}

bool shape_open(struct disk *d, hid_t at, const char *path, size_t rank, struct shape *shape, struct raw_set *out)
{
    const hid_t set = raw_open(d, at, path);
    const char *fault = NULL;
    out->set = set;
    if (set < 0) return false;
    if (!shape_read(set, shape) || (rank && shape->rank != rank))
        fault = "it has another number of axes";
    else if (!raw_place(out, set, shape->bytes))
        fault = "it has no room in the file";
    else if (out->packed && !d->archive)
        fault = "it is packed, as only in an archive";
    if (fault) h5_reason(fault);
    return !fault;
}
