#include "base/file.h"
#include "base/buf.h"
#include "base/regular.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t wrote = write(fd, bytes, length);
        if (wrote < 0 && errno != EINTR) return false;
        if (wrote <= 0) continue;
        bytes += wrote;
        length -= (size_t)wrote;
    }
    return true;
}

/* A pipe cannot be brought to disk. */
static bool synced(int fd)
{
    return !fsync(fd) || errno == EINVAL || errno == ENOTSUP;
}

/* Open for good: nothing that comes after the opening is a fault of the path. */
static int fill(int fd, const char *path, const void *bytes, size_t length, struct err *e)
{
    int code = write_all(fd, bytes, length) && synced(fd) ? 0 : errno;
    if (close(fd) && !code) code = errno;
    if (!code) return 0;
    const enum err_kind kind = err_kind_of(code) == ERR_FULL ? ERR_FULL : ERR_DISK;
    return err_set(e, kind, "cannot write '%s': %s", path, strerror(code));
}

static int cannot(const char *path, struct err *e)
{
    return err_set(e, err_kind_of(errno), "cannot write '%s': %s", path, strerror(errno));
}

bool file_magic_is_network(unsigned long magic)
{
    switch (magic & 0xFFFFFFFFU) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case CIFS_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC: return true;
    default: return false;
    }
}

int file_sync(const char *path, struct err *e)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const bool ok = fd >= 0 && synced(fd);
    const int code = errno;
    if (fd >= 0) close(fd);
    return ok ? 0
              : err_at(e, err_kind_of(code), path, NOWHERE, NULL, "cannot be brought to disk: %s", strerror(code));
}

int file_sync_folder(const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    struct buf folder = { 0 };
    if (slash) buf_add(&folder, path, (size_t)(slash - path) + 1);
    const int rc = file_sync(slash ? buf_chars(&folder) : ".", e);
    buf_release(&folder);
    return rc;
}

static int replace(const char *path, const void *bytes, size_t length, struct err *e)
{
    struct buf part = { 0 };
    buf_print(&part, "%s.part", path);
    const char *name = buf_chars(&part);
    const int fd = regular_open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, ERR_IO, e);
    int rc = fd < 0 ? -1 : fill(fd, path, bytes, length, e);
    if (!rc && rename(name, path)) rc = cannot(path, e);
    if (rc && fd >= 0) unlink(name);
    if (!rc) rc = file_sync_folder(path, e);
    buf_release(&part);
    return rc;
}

int file_write(const char *path, const void *bytes, size_t length, struct err *e)
{
    struct stat st;
    if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
        const int fd =
            open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); /* a pipe that nobody reads is an error */
        return fd < 0 ? cannot(path, e) : fill(fd, path, bytes, length, e);
    }
    char *real = realpath(path, NULL);
    const int rc = replace(real ? real : path, bytes, length, e);
    free(real);
    return rc;
}
