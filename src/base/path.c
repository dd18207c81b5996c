#include "base/path.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS = 40 }; /* as many as the kernel follows */

/* One link further: what it says is absolute or begins in its folder. */
static bool follow(struct buf *path)
{
    char target[PATH_MAX];
    const ssize_t length = readlink(buf_chars(path), target, sizeof target - 1);
    if (length <= 0 || (size_t)length == sizeof target - 1) return false;
    const char *slash = strrchr(buf_chars(path), '/');
    buf_cut(path, target[0] == '/' || !slash ? 0 : (size_t)(slash - buf_chars(path)) + 1);
    buf_add(path, target, (size_t)length);
    return true;
}

void path_follow(struct buf *out, const char *path)
{
    struct buf at = { 0 };
    int links = 0;
    buf_text(&at, path);
    while (links < LINKS && follow(&at)) links++;
    buf_text(out, links < LINKS ? buf_chars(&at) : path);
    buf_release(&at);
}

bool path_is_of(int fd, const char *path)
{
    struct stat a, b;
    return !fstat(fd, &a) && !stat(path, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}
