/* A process that dies before, in the middle of, or after a chosen one of its system calls, or whose disk is full from
 * there on: pwrite, write, ftruncate, rename, unlink and fsync stand in for the C library's, HDF5's calls included.
 */
#include "store_fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { DIED = 99 };
enum when { BEFORE, MIDDLE, WHENS };

static struct {
    bool armed;
    int full;        /* the errno of every write from here on; 0: no write fails, but somebody dies */
    long left, seen; /* calls until the end; calls so far                */
    enum when when;
    const char *path;
} trap;

/* True: do half of the call, then die. */
static bool halfway(void)
{
    if (!trap.armed) return false;
    trap.seen++;
    if (trap.full || trap.left-- != 0) return false;
    if (trap.when == BEFORE) _exit(DIED);
    return true;
}

static bool no_space(void)
{
    if (!trap.full || trap.left-- > 0) return false;
    errno = trap.full;
    return true;
}

/* A kill never tears a write inside one page (the control word, the superblock).  Under the journal any may be torn.
 */
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    bool half = halfway();
    if (half && at / PAGE == (at + (off_t)size - 1) / PAGE && !journal_exists(trap.path)) _exit(DIED);
    if (no_space()) return -1;
    ssize_t put = syscall(SYS_pwrite64, fd, bytes, half ? size / 2 : size, at);
    if (half) _exit(DIED);
    return put;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    if (fd <= STDERR_FILENO) return syscall(SYS_write, fd, bytes, size);
    bool half = halfway();
    ssize_t put = syscall(SYS_write, fd, bytes, half ? size / 2 : size);
    if (half) _exit(DIED);
    return put;
}

int ftruncate(int fd, off_t size)
{
    bool half = halfway();
    struct stat st;
    if (half && !fstat(fd, &st)) size = st.st_size + (size - st.st_size) / 2;
    int rc = (int)syscall(SYS_ftruncate, fd, size);
    if (half) _exit(DIED);
    return rc;
}

int rename(const char *from, const char *to)
{
    bool half = halfway();
    int rc = (int)syscall(SYS_rename, from, to);
    if (half) _exit(DIED);
    return rc;
}

int unlink(const char *path)
{
    bool half = halfway();
    int rc = (int)syscall(SYS_unlink, path);
    if (half) _exit(DIED);
    return rc;
}

int fsync(int fd) /* SIGKILL is what is tested, not power loss */
{
    (void)fd;
    if (halfway()) _exit(DIED);
    return 0;
}
