#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

/* Length of the well-formed UTF-8 sequence at s, 0 if there is none: no overlong form, no surrogate, nothing past
 * U+10FFFF. */
static size_t utf8_length(const unsigned char *s)
{
    size_t length = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool outside = (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF4 && s[1] > 0x8F);
    return overlong || outside ? 0 : length;
}

static void put_string(struct buf *b, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    buf_add(b, "\"", 1);
    while (*s) {
        size_t length = utf8_length(s);
        if (length == 0) {
            buf_text(b, "\\ufffd");
            s++;
        } else if (*s == '"' || *s == '\\') {
            buf_print(b, "\\%c", *s++);
        } else if (*s < 0x20 || *s == 0x7F) {
            buf_print(b, "\\u%04x", *s++);
        } else {
            buf_add(b, s, length);
            s += length;
        }
    }
    buf_add(b, "\"", 1);
}

static void begin(struct buf *b, const char *key)
{
    if (b->length && !strchr("{[:\n", b->bytes[b->length - 1])) buf_text(b, ",");
    if (!key) return;
    put_string(b, key);
    buf_text(b, ":");
}

void json_raw(struct buf *b, const char *key, const char *json)
{
    begin(b, key);
    buf_text(b, json);
}

void json_open(struct buf *b, const char *key, char bracket)
{
    begin(b, key);
    buf_add(b, &bracket, 1);
}

void json_close(struct buf *b, char bracket)
{
    buf_add(b, &bracket, 1);
}

void json_text(struct buf *b, const char *key, const char *text)
{
    begin(b, key);
    if (text)
        put_string(b, text);
    else
        buf_text(b, "null");
}

void json_int(struct buf *b, const char *key, int64_t value)
{
    begin(b, key);
    buf_int(b, value);
}

void json_count(struct buf *b, const char *key, uint64_t value)
{
    begin(b, key);
    buf_print(b, "%" PRIu64, value);
}

void json_real(struct buf *b, const char *key, double value)
{
    begin(b, key);
    if (isfinite(value))
        buf_real(b, value);
    else
        buf_text(b, "null");
}

void json_texts(struct buf *b, ...)
{
    va_list args;
    va_start(args, b);
    for (const char *key; (key = va_arg(args, const char *));) json_text(b, key, va_arg(args, const char *));
    va_end(args);
}

void json_counts(struct buf *b, const struct json_count *pair, size_t pairs)
{
    for (size_t i = 0; i < pairs; i++) json_count(b, pair[i].key, pair[i].value);
}
