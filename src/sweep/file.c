#include "sweep/private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_identify(const char *path, struct file_id *id, bool *plain)
{
    struct stat is;
    if (stat(path, &is)) return false;
    *id = (struct file_id){ is.st_dev, is.st_ino };
    *plain = S_ISREG(is.st_mode);
    return true;
}

/* A pipe may have to wait for its writer: a signal ends that, whatever its handler is for. */
static FILE *open_waiting(const char *path)
{
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat is;
    bool ok = fd >= 0 && !fstat(fd, &is);
    if (ok && S_ISFIFO(is.st_mode)) ok = poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, -1) > 0;
    if (ok) ok = !fcntl(fd, F_SETFL, 0);
    const int why = errno;
    if (!ok && fd >= 0) close(fd);
    errno = why;
    return ok ? fdopen(fd, "rb") : NULL;
}

bool file_read(const char *path, size_t limit, struct buf *out)
{
    FILE *f = open_waiting(path);
    char chunk[1 << 14];
    size_t got = 0;
    while (f && out->length <= limit && (got = fread(chunk, 1, sizeof chunk, f)) > 0) buf_add(out, chunk, got);
    const bool ok = f && !ferror(f);
    const int why = errno;
    if (f) fclose(f);
    errno = why;
    return ok;
}
