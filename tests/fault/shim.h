/* What the files of the preloaded library share; shim.c says what it is. */
#ifndef TESTS_FAULT_SHIM_H
#define TESTS_FAULT_SHIM_H
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#undef fwrite_unlocked

/* What _FORTIFY_SOURCE makes of calls. */
int __open_2(const char *, int);
int __open64_2(const char *, int);
int __openat_2(int, const char *, int);
int __openat64_2(int, const char *, int);
int __vfprintf_chk(FILE *, int, const char *, va_list);
int __fprintf_chk(FILE *, int, const char *, ...);
int __vdprintf_chk(int, int, const char *, va_list);
int __dprintf_chk(int, int, const char *, ...);
ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __pread_chk(int, void *, size_t, off_t, size_t);
ssize_t __pread64_chk(int, void *, size_t, off64_t, size_t);
size_t __fread_chk(void *, size_t, size_t, size_t, FILE *);
char *__fgets_chk(char *, size_t, int, FILE *);

/* clang-format off */
#define CALLS(X) \
    X(write) X(writev) X(pwrite) X(pwrite64) X(pwritev) X(pwritev64) X(pwritev2) X(pwritev64v2) X(fsync) \
    X(fdatasync) X(sync_file_range) X(syncfs) X(ftruncate) X(ftruncate64) X(truncate) X(truncate64) X(fallocate) \
    X(fallocate64) X(posix_fallocate) X(posix_fallocate64) X(copy_file_range) X(sendfile) X(sendfile64) \
    X(rename) X(renameat) X(renameat2) X(link) X(linkat) X(symlink) X(symlinkat) X(unlink) X(unlinkat) X(remove) \
    X(mkdir) X(mkdirat) X(rmdir) X(open) X(open64) X(openat) X(openat64) X(creat) X(creat64) X(close) \
    X(__open_2) X(__open64_2) X(__openat_2) X(__openat64_2) X(mkstemp) X(mkstemp64) X(mkostemp) X(mkostemp64) \
    X(chmod) X(fchmod) X(futimens) X(utimensat) X(fopen) X(fopen64) X(fclose) X(fflush) X(fwrite) \
    X(fwrite_unlocked) X(fputs) X(fputs_unlocked) X(fputc) X(putc) X(vfprintf) X(vdprintf) X(__vfprintf_chk) \
    X(__vdprintf_chk) X(read) X(pread) X(pread64) X(readv) X(preadv) X(preadv64) X(preadv2) X(preadv64v2) \
    X(__read_chk) X(__pread_chk) X(__pread64_chk) X(fread) X(__fread_chk) X(fgets) X(__fgets_chk) X(getline)
/* clang-format on */

enum kind { COUNT, KILL, STOP, TEAR, SHORT, ERROR };
enum trait { BYTES = 1, ROOM = 2, WAITS = 4, READS = 8 }; /* what can befall a call; WRITES: all of it */
enum deed { PASS, FAIL, PART, HALF_AND_DIE };
#define WRITES (BYTES | ROOM | WAITS)

struct state {
    atomic_ulong calls, fired;
};

/* The program that it is loaded into does not see these names. */
#pragma GCC visibility push(hidden)
extern struct shim_real {
#define POINTER(name) __typeof__(&name) name;
    CALLS(POINTER)
} shim_real;

extern struct shim_set {
    bool ready, sticky, reads, own;
    const char *under, *log;
    size_t under_length, atomic;
    unsigned long at;
    enum kind kind;
    int error;
    struct state *shared, alone; /* shared is NULL if nothing is counted */
} shim_set;

/* Read the environment and find the real functions, once. */
void shim_prepare(void);

/* What shall become of a call on an open file or a path; errno is set if it is FAIL, else untouched.  follow: the
   last part of the path may be a link. */
enum deed shim_on_fd(const char *name, unsigned traits, int fd, size_t bytes);
enum deed shim_on_path(const char *name, unsigned traits, int folder, const char *at, bool follow);
enum deed shim_on_two(const char *name, unsigned traits, int from, const char *old, int to, const char *fresh);

/* Whether open with these flags changes anything; false if such a call shall fail. */
bool shim_makes(int flags);
bool shim_opens(const char *name, int folder, const char *path, int flags);

_Noreturn void shim_end(void);
#pragma GCC visibility pop

#define ON_FD(result, name, traits, fd, bytes, parameters, whole, half)                                              \
    result name parameters                                                                                           \
    {                                                                                                                \
        switch (shim_on_fd(#name, traits, fd, bytes)) {                                                              \
        case FAIL: return -1;                                                                                        \
        case PART: return shim_real.name half;                                                                       \
        case HALF_AND_DIE: (void)!shim_real.name half; shim_end();                                                   \
        default: return shim_real.name whole;                                                                        \
        }                                                                                                            \
    }
#endif
