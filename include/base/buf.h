/** base/buf.h: growable bytes, for texts and messages.  Always NUL-terminated, never fails (out of memory is a
 * `die`). */
#ifndef TOMBOLA_BASE_BUF_H
#define TOMBOLA_BASE_BUF_H

#include "base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *bytes;
    size_t length, capacity;
};

/** A zeroed buf is empty and ready for use. */
void buf_release(struct buf *b);
void buf_clear(struct buf *b);
/** Forget all but the first length bytes. */
void buf_cut(struct buf *b, size_t length);
void buf_add(struct buf *b, const void *bytes, size_t length);
/** Append length bytes, whatever they are, for the caller to fill; valid until the next call on b. */
void *buf_room(struct buf *b, size_t length);
void buf_text(struct buf *b, const char *text);
void buf_print(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_print_args(struct buf *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/** The text so far; "" for an empty buf.  Valid until the next call on b. */
const char *buf_chars(const struct buf *b);

void buf_int(struct buf *b, int64_t value);
/** The shortest decimal text that reads back as exactly value; whole numbers below 1e15 without exponent. */
void buf_real(struct buf *b, double value);
/** Append the whole file at path, which must be a regular one.  False with errno set if that fails; b may then hold a
 * part. */
CHECKED bool buf_read_file(struct buf *b, const char *path);
/** The same for a file that somebody brings in: of at most `most` bytes, which is looked at before room is made for
 * them. -1 with *e of that kind if it is longer, or changes while it is read. */
CHECKED int buf_read_given(struct buf *b, const char *path, size_t most, enum err_kind kind, struct err *e);

#endif
