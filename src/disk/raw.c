#include "disk/raw.h"
#include "disk/file.h"
#include "disk/h5.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* H5Dread and H5Dwrite compare the type in memory with that in the file, member by member and anew at each call: for
 * a row of /jobs that takes longer than anything else that a short job does.  The types are the same, and a
 * contiguous dataset is a stretch of the file; so raw data go by pread and pwrite on a descriptor of our own. Whoever
 * writes so needs HDF5 for nothing but to learn where the datasets are: closing such a store writes nothing. */

enum { AT_ONCE = 1 << 30 }; /* read and write move less than 2 GiB at once */

static bool move_stretch(struct disk *d, uint64_t at, void *bytes, size_t size, bool writing)
{
    for (size_t done = 0; done < size;) {
        const size_t rest = size - done < AT_ONCE ? size - done : AT_ONCE;
        char *next = (char *)bytes + done;
        const ssize_t moved =
            writing ? pwrite(d->fd, next, rest, (off_t)(at + done)) : pread(d->fd, next, rest, (off_t)(at + done));
        if (moved < 0 && errno == EINTR) continue;
        if (moved < 0) h5_reason(strerror(errno));
        if (moved == 0) h5_reason(writing ? "nothing could be written" : "the file ends before");
        if (moved < 0) d->failed = true;
        if (moved <= 0) return false;
        done += (size_t)moved;
    }
    return true;
}

/* The stretch as a box of elements, the innermost axis first. */
static void find_box(int rank, const hsize_t *dim, hsize_t first, hsize_t size, hsize_t *start, hsize_t *count)
{
    for (int i = rank; i-- > 0;) {
        start[i] = first % dim[i];
        count[i] = size < dim[i] ? size : dim[i];
        MUST(start[i] + count[i] <= dim[i] && size % count[i] == 0);
        first /= dim[i];
        size /= count[i];
    }
}

static bool move_pieces(hid_t set, uint64_t offset, void *bytes, size_t size, bool writing)
{
    hsize_t dim[H5S_MAX_RANK], start[H5S_MAX_RANK], count[H5S_MAX_RANK];
    hid_t type = H5Dget_type(set), space = H5Dget_space(set);
    const int rank = H5Sget_simple_extent_dims(space, dim, NULL);
    const size_t element = H5Tget_size(type);
    find_box(rank, dim, offset / element, size / element, start, count);
    hid_t memory = H5Screate_simple(rank, count, NULL);
    bool ok = H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
              (writing ? H5Dwrite(set, type, memory, space, H5P_DEFAULT, bytes)
                       : H5Dread(set, type, memory, space, H5P_DEFAULT, bytes)) >= 0;
    H5Sclose(memory);
    H5Sclose(space);
    H5Tclose(type);
    return ok;
}

static bool move(struct disk *d, const struct raw_set *raw, uint64_t offset, void *bytes, size_t size, bool writing)
{
    if (size && raw->packed) return move_pieces(raw->set, offset, bytes, size, writing);
    return move_stretch(d, raw->at + offset, bytes, size, writing);
}

bool raw_read(struct disk *d, const struct raw_set *from, uint64_t offset, void *bytes, size_t size)
{
    return move(d, from, offset, bytes, size, false);
}

bool raw_write(struct disk *d, const struct raw_set *to, uint64_t offset, const void *bytes, size_t size)
{
    return move(d, to, offset, (void *)bytes, size, true); /* only read when writing */
}

hid_t raw_open(struct disk *d, hid_t at, const char *path)
{
    return disk_keep(d, H5Dopen2(at, path, H5P_DEFAULT));
}

static bool is_packed(hid_t set)
{
    const hid_t made = H5Dget_create_plist(set);
    const H5D_layout_t layout = H5Pget_layout(made);
    H5Pclose(made);
    return layout == H5D_CHUNKED;
}

static bool holds(hid_t set, size_t size)
{
    const hid_t type = H5Dget_type(set), space = H5Dget_space(set);
    const size_t have = H5Tget_size(type) * (size_t)H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    H5Tclose(type);
    return have == size;
}

bool raw_place(struct raw_set *out, hid_t set, size_t size)
{
    const haddr_t at = H5Dget_offset(set);
    *out = (struct raw_set){ .set = set };
    if (at == HADDR_UNDEF) return size == 0 || ((out->packed = is_packed(set)) && holds(set, size));
    out->at = at;
    return size == 0 || H5Dget_storage_size(set) == size;
}
