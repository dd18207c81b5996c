/* Preloaded into every program of a test run: writes down which of the program's formats have been worded, a line
 * each, in the file SAID.  tests/gates/said holds them against the source. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PLACES = 4096, LONGEST = 1500 };

static const char *seen[PLACES];
static uintptr_t begin = 1, end; /* of the program itself: what libraries say is not asked */

int vsnprintf(char *to, size_t size, const char *format, va_list args);
int vfprintf(FILE *to, const char *format, va_list args);

static int measure(struct dl_phdr_info *image, size_t size, void *unused)
{
    (void)size, (void)unused;
    begin = UINTPTR_MAX;
    for (int i = 0; i < image->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &image->dlpi_phdr[i];
        const uintptr_t first = image->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD) continue;
        if (first < begin) begin = first;
        if (first + part->p_memsz > end) end = first + part->p_memsz;
    }
    return 1; /* the first image is the program */
}

static bool is_new(const char *format)
{
    if (!end) dl_iterate_phdr(measure, NULL);
    if ((uintptr_t)format < begin || (uintptr_t)format >= end) return false;
    for (size_t i = (uintptr_t)format % PLACES, tries = 0; tries < PLACES; i = (i + 1) % PLACES, tries++) {
        if (seen[i] == format) return false;
        if (!seen[i]) {
            seen[i] = format;
            return true;
        }
    }
    return false;
}

/* By the kernel itself: nothing here may be counted, or be made to fail, by what else is preloaded. */
static void note(const char *format)
{
    const char *path = getenv("SAID");
    char line[2 * LONGEST + 1];
    size_t n = 0;
    if (!path || !is_new(format)) return;
    const int before = errno;
    for (const char *c = format; *c && n < 2 * LONGEST - 2; c++)
        if (*c == '\n') {
            line[n++] = '\\';
            line[n++] = 'n';
        } else
            line[n++] = *c;
    line[n++] = '\n';
    const long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd >= 0) {
        (void)!syscall(SYS_write, fd, line, n);
        syscall(SYS_close, fd);
    }
    errno = before;
}

int vsnprintf(char *to, size_t size, const char *format, va_list args)
{
    static int (*real)(char *, size_t, const char *, va_list);
    if (!real) real = (int (*)(char *, size_t, const char *, va_list))dlsym(RTLD_NEXT, "vsnprintf");
    note(format);
    return real(to, size, format, args);
}

int vfprintf(FILE *to, const char *format, va_list args)
{
    static int (*real)(FILE *, const char *, va_list);
    if (!real) real = (int (*)(FILE *, const char *, va_list))dlsym(RTLD_NEXT, "vfprintf");
    note(format);
    return real(to, format, args);
}
