#include "store/private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* H5Dread and H5Dwrite compare the type in memory with that in the file, member by member and anew at each call: for
 * a row of /jobs that takes longer than anything else that a short job does.  The types are the same, and a
 * contiguous dataset is a stretch of the file; so raw data go by the handle that HDF5 itself uses for them, and
 * everything that it or MPI-IO promises about order, visibility and locks stays as it is. */

enum { AT_ONCE = 1 << 30 }; /* MPI-IO cannot move 2 GiB at once */

static ssize_t move_serial(int fd, uint64_t at, void *bytes, size_t size, bool writing)
{
    ssize_t moved;
    do moved = writing ? pwrite(fd, bytes, size, (off_t)at) : pread(fd, bytes, size, (off_t)at);
    while (moved < 0 && errno == EINTR);
    if (moved < 0) h5_reason(strerror(errno));
    return moved;
}

/* MPI's own word for a full disk is "unknown error": errno has a better one, if any. */
static ssize_t move_parallel(MPI_File f, uint64_t at, void *bytes, size_t size, bool writing)
{
    MPI_Status status;
    int moved, length;
    char text[MPI_MAX_ERROR_STRING] = "";
    errno = 0;
    const int code = writing ? MPI_File_write_at(f, (MPI_Offset)at, bytes, (int)size, MPI_BYTE, &status)
                             : MPI_File_read_at(f, (MPI_Offset)at, bytes, (int)size, MPI_BYTE, &status);
    if (code == MPI_SUCCESS) return MPI_Get_count(&status, MPI_BYTE, &moved) ? -1 : moved;
    if (errno == 0) MPI_Error_string(code, text, &length);
    h5_reason(errno ? strerror(errno) : text);
    return -1;
}

static bool move(struct store *s, uint64_t at, void *bytes, size_t size, bool writing)
{
    for (size_t done = 0; done < size;) {
        const size_t rest = size - done < AT_ONCE ? size - done : AT_ONCE;
        char *next = (char *)bytes + done;
        const ssize_t moved = s->parallel ? move_parallel(*(MPI_File *)s->handle, at + done, next, rest, writing)
                                          : move_serial(*(int *)s->handle, at + done, next, rest, writing);
        if (moved == 0) h5_reason(writing ? "nothing could be written" : "the file ends before");
        if (moved <= 0) return false;
        done += (size_t)moved;
    }
    return true;
}

bool raw_read(struct store *s, uint64_t at, void *bytes, size_t size)
{
    return move(s, at, bytes, size, false);
}

bool raw_write(struct store *s, uint64_t at, const void *bytes, size_t size)
{
    return move(s, at, (void *)bytes, size, true);
}

bool raw_extent(hid_t set, size_t size, uint64_t *at)
{
    const haddr_t place = H5Dget_offset(set);
    *at = place == HADDR_UNDEF ? 0 : place;
    return size == 0 || (place != HADDR_UNDEF && H5Dget_storage_size(set) == size);
}
