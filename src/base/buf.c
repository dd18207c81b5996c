#include "base/buf.h"
#include "base/err.h"
#include "base/regular.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void buf_release(struct buf *b)
{
    free(b->bytes);
    memset(b, 0, sizeof *b);
}

void buf_cut(struct buf *b, size_t length)
{
    MUST(length <= b->length);
    b->length = length;
    if (b->bytes) b->bytes[length] = '\0';
}

void buf_clear(struct buf *b)
{
    buf_cut(b, 0);
}

static void reserve(struct buf *b, size_t more)
{
    size_t need = b->length + more + 1;
    if (need <= b->capacity) return;
    size_t capacity = b->capacity ? b->capacity : 64;
    while (capacity < need) capacity *= 2;
    b->bytes = realloc(b->bytes, capacity);
    if (!b->bytes) die("out of memory: %zu bytes of text", capacity);
    b->capacity = capacity;
}

void *buf_room(struct buf *b, size_t length)
{
    reserve(b, length);
    b->length += length;
    b->bytes[b->length] = '\0';
    return b->bytes + b->length - length;
}

void buf_add(struct buf *b, const void *bytes, size_t length)
{
    void *room = buf_room(b, length);
    if (length) memcpy(room, bytes, length);
}

void buf_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_print_args(struct buf *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    MUST(length >= 0);
    reserve(b, (size_t)length);
    vsnprintf(b->bytes + b->length, (size_t)length + 1, format, again);
    b->length += (size_t)length;
    va_end(again);
}

void buf_print(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_print_args(b, format, args);
    va_end(args);
}

const char *buf_chars(const struct buf *b)
{
    return b->bytes ? b->bytes : "";
}

void buf_int(struct buf *b, int64_t value)
{
    char text[24], *digit = text + sizeof text;
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do *--digit = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0) *--digit = '-';
    buf_add(b, digit, (size_t)(text + sizeof text - digit));
}

void buf_real(struct buf *b, double value)
{
    if (value == floor(value) && fabs(value) < 1e15) {
        buf_int(b, (int64_t)value); /* no negative zero in a text */
        return;
    }
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        MUST(text_print(text, sizeof text, "%.*g", digits, value));
        if (strtod(text, NULL) == value) break;
    }
    buf_text(b, text);
}

bool buf_read_file(struct buf *b, const char *path)
{
    const int fd = regular_open(path, O_RDONLY, ERR_IO, NULL);
    if (fd < 0) return false;
    char chunk[1 << 14];
    ssize_t got;
    while ((got = read(fd, chunk, sizeof chunk)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0) buf_add(b, chunk, (size_t)got);
    const int code = errno;
    close(fd);
    errno = code;
    return got == 0;
}

/* The file's first size bytes, and that there are no more.  0, -1 with errno set, or 1: there are fewer or more. */
static int read_exactly(int fd, char *to, size_t size)
{
    char more;
    for (size_t done = 0; done <= size;) {
        const ssize_t got = done < size ? read(fd, to + done, size - done) : read(fd, &more, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) return done < size;
        done += (size_t)got;
    }
    return 1;
}

int buf_read_given(struct buf *b, const char *path, size_t most, enum err_kind kind, struct err *e)
{
    struct stat st = { .st_size = 0 };
    const int fd = regular_open(path, O_RDONLY, kind, e);
    if (fd < 0) return -1;
    int rc = fstat(fd, &st) ? -1 : 0;
    const size_t size = (size_t)st.st_size;
    if (size > most)
        rc = err_at(e, kind, path, NOWHERE, NULL, "is %zu bytes long; at most %zu are read", size, most);
    else if (rc || (rc = read_exactly(fd, buf_room(b, size), size)) < 0)
        err_at(e, err_kind_or(errno, kind), path, NOWHERE, NULL, "cannot be read: %s", strerror(errno));
    else if (rc)
        err_at(e, kind, path, NOWHERE, NULL, "changed while it was read");
    close(fd);
    return rc ? -1 : 0;
}
