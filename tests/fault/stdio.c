/* stdio: libc's own writes and reads go past the calls of calls.c. */
#include "shim.h"
#include <stdio_ext.h>
#include <string.h>

#define FOPEN(name)                                                                                                  \
    FILE *name(const char *path, const char *mode)                                                                   \
    {                                                                                                                \
        return shim_opens(#name, AT_FDCWD, path, strpbrk(mode, "wa") ? O_CREAT : 0) ? shim_real.name(path, mode)     \
                                                                                    : NULL;                          \
    }
FOPEN(fopen)
FOPEN(fopen64)

static void mark(FILE *f)
{
    f->_flags |= _IO_ERR_SEEN;
}

/* A call that puts bytes into a stream's buffer: true if it shall go on. */
static bool puts_into(const char *name, FILE *f)
{
    shim_prepare();
    if (!shim_set.shared || shim_on_fd(name, ROOM | WAITS, fileno_unlocked(f), 0) != FAIL) return true;
    mark(f);
    return false;
}

/* A call that brings a stream's buffer to the file. */
static enum deed empties(const char *name, FILE *f)
{
    shim_prepare();
    if (!shim_set.shared || !f || !__fwritable(f)) return PASS;
    const size_t n = __fpending(f);
    enum deed deed = shim_on_fd(name, ROOM | WAITS | BYTES, fileno_unlocked(f), n);
    if (deed == HALF_AND_DIE) {
        syscall(SYS_write, fileno_unlocked(f), f->_IO_write_base, n / 2);
        shim_end();
    }
    return deed;
}

int fflush(FILE *f)
{
    if (empties("fflush", f) != FAIL) return shim_real.fflush(f);
    mark(f);
    return EOF;
}

int fclose(FILE *f)
{
    if (empties("fclose", f) != FAIL) return shim_real.fclose(f);
    __fpurge(f);
    shim_real.fclose(f);
    errno = shim_set.error;
    return EOF;
}

#define PUTS(result, name, f, failed, parameters, whole)                                                             \
    result name parameters                                                                                           \
    {                                                                                                                \
        return puts_into(#name, f) ? shim_real.name whole : failed;                                                  \
    }

PUTS(size_t, fwrite, f, 0, (const void *b, size_t size, size_t n, FILE *f), (b, size, n, f))
PUTS(size_t, fwrite_unlocked, f, 0, (const void *b, size_t size, size_t n, FILE *f), (b, size, n, f))
PUTS(int, fputs, f, EOF, (const char *s, FILE *f), (s, f))
PUTS(int, fputs_unlocked, f, EOF, (const char *s, FILE *f), (s, f))
PUTS(int, fputc, f, EOF, (int c, FILE *f), (c, f))
PUTS(int, putc, f, EOF, (int c, FILE *f), (c, f))
PUTS(int, vfprintf, f, -1, (FILE * f, const char *format, va_list more), (f, format, more))
PUTS(int, __vfprintf_chk, f, -1, (FILE * f, int flag, const char *format, va_list more), (f, flag, format, more))
ON_FD(int, vdprintf, ROOM | WAITS, fd, 0, (int fd, const char *format, va_list more), (fd, format, more),
      (fd, format, more))
ON_FD(int, __vdprintf_chk, ROOM | WAITS, fd, 0, (int fd, int flag, const char *format, va_list more),
      (fd, flag, format, more), (fd, flag, format, more))

#define VARIADIC(name, by, parameters, arguments)                                                                    \
    int name parameters                                                                                              \
    {                                                                                                                \
        va_list more;                                                                                                \
        va_start(more, format);                                                                                      \
        int n = by arguments;                                                                                        \
        va_end(more);                                                                                                \
        return n;                                                                                                    \
    }
VARIADIC(fprintf, vfprintf, (FILE * f, const char *format, ...), (f, format, more))
VARIADIC(dprintf, vdprintf, (int fd, const char *format, ...), (fd, format, more))
VARIADIC(__fprintf_chk, __vfprintf_chk, (FILE * f, int flag, const char *format, ...), (f, flag, format, more))
VARIADIC(__dprintf_chk, __vdprintf_chk, (int fd, int flag, const char *format, ...), (fd, flag, format, more))

#define GETS(result, name, failed, parameters, whole)                                                                \
    result name parameters                                                                                           \
    {                                                                                                                \
        shim_prepare();                                                                                              \
        if (!shim_set.shared || shim_on_fd(#name, READS | WAITS, fileno_unlocked(f), 0) != FAIL)                     \
            return shim_real.name whole;                                                                             \
        mark(f);                                                                                                     \
        return failed;                                                                                               \
    }
GETS(size_t, fread, 0, (void *b, size_t size, size_t n, FILE *f), (b, size, n, f))
GETS(size_t, __fread_chk, 0, (void *b, size_t room, size_t size, size_t n, FILE *f), (b, room, size, n, f))
GETS(char *, fgets, NULL, (char *b, int n, FILE *f), (b, n, f))
GETS(char *, __fgets_chk, NULL, (char *b, size_t room, int n, FILE *f), (b, room, n, f))
GETS(ssize_t, getline, -1, (char **b, size_t *n, FILE *f), (b, n, f))
