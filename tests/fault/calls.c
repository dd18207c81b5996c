/* The calls on open files and on paths. */
#include "shim.h"

/* --- open files --- */
static size_t length_of(const struct iovec *v, int n)
{
    size_t all = 0;
    for (int i = 0; i < n; i++) all += v[i].iov_len;
    return all;
}
#define HALF_V n > 1 ? v : &(struct iovec){ v->iov_base, v->iov_len / 2 }, n > 1 ? n / 2 : n

ON_FD(ssize_t, write, WRITES, fd, n, (int fd, const void *b, size_t n), (fd, b, n), (fd, b, n / 2))
ON_FD(ssize_t, pwrite, WRITES, fd, n, (int fd, const void *b, size_t n, off_t at), (fd, b, n, at), (fd, b, n / 2, at))
ON_FD(ssize_t, pwrite64, WRITES, fd, n, (int fd, const void *b, size_t n, off64_t at), (fd, b, n, at),
      (fd, b, n / 2, at))
ON_FD(ssize_t, writev, WRITES, fd, length_of(v, n), (int fd, const struct iovec *v, int n), (fd, v, n), (fd, HALF_V))
ON_FD(ssize_t, pwritev, WRITES, fd, length_of(v, n), (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at),
      (fd, HALF_V, at))
ON_FD(ssize_t, pwritev64, WRITES, fd, length_of(v, n), (int fd, const struct iovec *v, int n, off64_t at),
      (fd, v, n, at), (fd, HALF_V, at))
ON_FD(ssize_t, pwritev2, WRITES, fd, length_of(v, n), (int fd, const struct iovec *v, int n, off_t at, int flags),
      (fd, v, n, at, flags), (fd, HALF_V, at, flags))
ON_FD(ssize_t, pwritev64v2, WRITES, fd, length_of(v, n),
      (int fd, const struct iovec *v, int n, off64_t at, int flags), (fd, v, n, at, flags), (fd, HALF_V, at, flags))
ON_FD(ssize_t, copy_file_range, WRITES, to, n, (int from, off64_t *a, int to, off64_t *b, size_t n, unsigned flags),
      (from, a, to, b, n, flags), (from, a, to, b, n / 2, flags))
ON_FD(ssize_t, sendfile, WRITES, to, n, (int to, int from, off_t *at, size_t n), (to, from, at, n),
      (to, from, at, n / 2))
ON_FD(ssize_t, sendfile64, WRITES, to, n, (int to, int from, off64_t *at, size_t n), (to, from, at, n),
      (to, from, at, n / 2))
ON_FD(int, fsync, ROOM | WAITS, fd, 0, (int fd), (fd), (fd))
ON_FD(int, fdatasync, ROOM | WAITS, fd, 0, (int fd), (fd), (fd))
ON_FD(int, syncfs, ROOM, fd, 0, (int fd), (fd), (fd))
ON_FD(int, sync_file_range, ROOM, fd, 0, (int fd, off64_t at, off64_t n, unsigned flags), (fd, at, n, flags),
      (fd, at, n, flags))
ON_FD(int, ftruncate, ROOM | WAITS, fd, 0, (int fd, off_t n), (fd, n), (fd, n))
ON_FD(int, ftruncate64, ROOM | WAITS, fd, 0, (int fd, off64_t n), (fd, n), (fd, n))
ON_FD(int, fallocate, ROOM | WAITS, fd, 0, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n),
      (fd, mode, at, n))
ON_FD(int, fallocate64, ROOM | WAITS, fd, 0, (int fd, int mode, off64_t at, off64_t n), (fd, mode, at, n),
      (fd, mode, at, n))
ON_FD(int, fchmod, 0, fd, 0, (int fd, mode_t mode), (fd, mode), (fd, mode))
ON_FD(int, futimens, 0, fd, 0, (int fd, const struct timespec t[2]), (fd, t), (fd, t))

int posix_fallocate(int fd, off_t at, off_t n)
{
    return shim_on_fd("posix_fallocate", ROOM, fd, 0) == FAIL ? shim_set.error : shim_real.posix_fallocate(fd, at, n);
}

int posix_fallocate64(int fd, off64_t at, off64_t n)
{
    return shim_on_fd("posix_fallocate64", ROOM, fd, 0) == FAIL ? shim_set.error
                                                                : shim_real.posix_fallocate64(fd, at, n);
}

static bool writes_to(int fd)
{
    int kept = errno, flags = fcntl(fd, F_GETFL);
    errno = kept;
    return flags >= 0 && !(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY;
}

/* Closing a file that was only read can lose nothing.  One that fails has closed it. */
int close(int fd)
{
    shim_prepare();
    if (!shim_set.shared || !writes_to(fd) || shim_on_fd("close", ROOM, fd, 0) != FAIL) return shim_real.close(fd);
    shim_real.close(fd);
    errno = shim_set.error;
    return -1;
}

/* --- reads --- */
#define READ(name, parameters, whole) ON_FD(ssize_t, name, READS | WAITS, fd, 0, parameters, whole, whole)
READ(read, (int fd, void *b, size_t n), (fd, b, n))
READ(pread, (int fd, void *b, size_t n, off_t at), (fd, b, n, at))
READ(pread64, (int fd, void *b, size_t n, off64_t at), (fd, b, n, at))
READ(readv, (int fd, const struct iovec *v, int n), (fd, v, n))
READ(preadv, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))
READ(preadv64, (int fd, const struct iovec *v, int n, off64_t at), (fd, v, n, at))
READ(preadv2, (int fd, const struct iovec *v, int n, off_t at, int flags), (fd, v, n, at, flags))
READ(preadv64v2, (int fd, const struct iovec *v, int n, off64_t at, int flags), (fd, v, n, at, flags))
READ(__read_chk, (int fd, void *b, size_t n, size_t room), (fd, b, n, room))
READ(__pread_chk, (int fd, void *b, size_t n, off_t at, size_t room), (fd, b, n, at, room))
READ(__pread64_chk, (int fd, void *b, size_t n, off64_t at, size_t room), (fd, b, n, at, room))

/* --- paths --- */
#define ON_PATH(name, traits, folder, at, follow, parameters, whole)                                                 \
    int name parameters                                                                                              \
    {                                                                                                                \
        return shim_on_path(#name, traits, folder, at, follow) == FAIL ? -1 : shim_real.name whole;                  \
    }
#define ON_TWO(name, from, old, to, fresh, parameters, whole)                                                        \
    int name parameters                                                                                              \
    {                                                                                                                \
        return shim_on_two(#name, ROOM, from, old, to, fresh) == FAIL ? -1 : shim_real.name whole;                   \
    }

ON_PATH(truncate, ROOM | WAITS, AT_FDCWD, a, true, (const char *a, off_t n), (a, n))
ON_PATH(truncate64, ROOM | WAITS, AT_FDCWD, a, true, (const char *a, off64_t n), (a, n))
ON_PATH(symlink, ROOM, AT_FDCWD, b, false, (const char *a, const char *b), (a, b))
ON_PATH(symlinkat, ROOM, to, b, false, (const char *a, int to, const char *b), (a, to, b))
ON_PATH(unlink, 0, AT_FDCWD, a, false, (const char *a), (a))
ON_PATH(unlinkat, 0, from, a, false, (int from, const char *a, int flags), (from, a, flags))
ON_PATH(remove, 0, AT_FDCWD, a, false, (const char *a), (a))
ON_PATH(rmdir, 0, AT_FDCWD, a, false, (const char *a), (a))
ON_PATH(mkdir, ROOM, AT_FDCWD, a, false, (const char *a, mode_t mode), (a, mode))
ON_PATH(mkdirat, ROOM, from, a, false, (int from, const char *a, mode_t mode), (from, a, mode))
ON_PATH(chmod, 0, AT_FDCWD, a, true, (const char *a, mode_t mode), (a, mode))
ON_PATH(utimensat, 0, from, a, true, (int from, const char *a, const struct timespec t[2], int flags),
        (from, a, t, flags))
ON_PATH(creat, ROOM | WAITS, AT_FDCWD, a, true, (const char *a, mode_t mode), (a, mode))
ON_PATH(creat64, ROOM | WAITS, AT_FDCWD, a, true, (const char *a, mode_t mode), (a, mode))
ON_PATH(mkstemp, ROOM | WAITS, AT_FDCWD, a, false, (char *a), (a))
ON_PATH(mkstemp64, ROOM | WAITS, AT_FDCWD, a, false, (char *a), (a))
ON_PATH(mkostemp, ROOM | WAITS, AT_FDCWD, a, false, (char *a, int flags), (a, flags))
ON_PATH(mkostemp64, ROOM | WAITS, AT_FDCWD, a, false, (char *a, int flags), (a, flags))
ON_TWO(rename, AT_FDCWD, a, AT_FDCWD, b, (const char *a, const char *b), (a, b))
ON_TWO(renameat, from, a, to, b, (int from, const char *a, int to, const char *b), (from, a, to, b))
ON_TWO(renameat2, from, a, to, b, (int from, const char *a, int to, const char *b, unsigned flags),
       (from, a, to, b, flags))
ON_TWO(link, AT_FDCWD, a, AT_FDCWD, b, (const char *a, const char *b), (a, b))
ON_TWO(linkat, from, a, to, b, (int from, const char *a, int to, const char *b, int flags), (from, a, to, b, flags))

#define OPEN(name, folder, parameters, whole)                                                                        \
    int name parameters                                                                                              \
    {                                                                                                                \
        va_list more;                                                                                                \
        va_start(more, flags);                                                                                       \
        const mode_t mode = shim_makes(flags) ? va_arg(more, mode_t) : 0;                                            \
        va_end(more);                                                                                                \
        return shim_opens(#name, folder, path, flags) ? shim_real.name whole : -1;                                   \
    }
#define OPEN_2(name, folder, parameters, whole)                                                                      \
    int name parameters                                                                                              \
    {                                                                                                                \
        return shim_opens(#name, folder, path, flags) ? shim_real.name whole : -1;                                   \
    }

OPEN(open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, folder, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))
OPEN(openat64, folder, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))
OPEN_2(__open_2, AT_FDCWD, (const char *path, int flags), (path, flags))
OPEN_2(__open64_2, AT_FDCWD, (const char *path, int flags), (path, flags))
OPEN_2(__openat_2, folder, (int folder, const char *path, int flags), (folder, path, flags))
OPEN_2(__openat64_2, folder, (int folder, const char *path, int flags), (folder, path, flags))
