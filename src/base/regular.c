#include "base/regular.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *type_of(mode_t mode)
{
    return S_ISDIR(mode)    ? "a folder"
           : S_ISFIFO(mode) ? "a FIFO"
           : S_ISSOCK(mode) ? "a socket"
           : S_ISCHR(mode)  ? "a device"
           : S_ISBLK(mode)  ? "a device"
                            : "something else";
}

static int irregular(const char *path, mode_t mode, enum err_kind kind, struct err *e)
{
    err_at(e, kind, path, NOWHERE, NULL, "is not a regular file but %s", type_of(mode));
    errno = S_ISDIR(mode) ? EISDIR : EINVAL;
    return -1;
}

int regular_or_none(const char *path, enum err_kind kind, struct err *e)
{
    struct stat st;
    return !stat(path, &st) && !S_ISREG(st.st_mode) ? irregular(path, st.st_mode, kind, e) : 0;
}

/* Looked at before, since some devices act when they are opened; looked at again, since the name may have changed. */
int regular_open(const char *path, int flags, enum err_kind kind, struct err *e)
{
    struct stat st;
    if (regular_or_none(path, kind, e)) return -1;
    const int fd = open(path, (flags & ~O_TRUNC) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
    const bool ok = fd >= 0 && !fstat(fd, &st);
    if (ok && S_ISREG(st.st_mode) && (!(flags & O_TRUNC) || !ftruncate(fd, 0))) return fd;
    const int code = errno;
    if (fd >= 0) close(fd);
    if (ok && !S_ISREG(st.st_mode)) return irregular(path, st.st_mode, kind, e);
    if (flags & O_CREAT && err_kind_of(code) == ERR_FULL) kind = ERR_FULL;
    err_at(e, kind, path, NOWHERE, NULL, "cannot be %s: %s", flags & O_CREAT ? "created" : "opened", strerror(code));
    errno = code;
    return -1;
}
