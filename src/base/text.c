#include "base/text.h"
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char dots[] = "...";
enum { DOTS = sizeof dots - 1 };

static bool continues(char c)
{
    return (c & 0xC0) == 0x80;
}

/* Of a text that was cut at size - 1 bytes. */
static void mark_cut(char *to, size_t size)
{
    size_t at = size - 1 - DOTS;
    while (at > 0 && continues(to[at])) at--;
    memcpy(to + at, dots, sizeof dots);
}

bool text_print(char *to, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(to, size, format, args);
    va_end(args);
    const bool fits = length >= 0 && (size_t)length < size;
    if (!fits) to[0] = '\0';
    return fits;
}

bool text_copy(char *to, size_t size, const char *text, size_t length)
{
    const size_t all = strnlen(text, length);
    const bool fits = all < size;
    if (fits) memcpy(to, text, all);
    to[fits ? all : 0] = '\0';
    return fits;
}

void text_brief_args(char *to, size_t size, const char *format, va_list args)
{
    const int length = vsnprintf(to, size, format, args);
    MUST(length >= 0 && size > DOTS);
    if ((size_t)length >= size) mark_cut(to, size);
}

void text_brief(char *to, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_brief_args(to, size, format, args);
    va_end(args);
}

void text_brief_path(char *to, size_t size, const char *path)
{
    size_t length = strlen(path);
    MUST(size > DOTS);
    if (length < size) {
        memcpy(to, path, length + 1);
        return;
    }
    const char *end = path + length - (size - 1 - DOTS);
    while (continues(*end)) end++;
    memcpy(to, dots, DOTS);
    memcpy(to + DOTS, end, strlen(end) + 1);
}

char *text_plain(char *text)
{
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
    return text;
}

const char *text_shown(const char *text, size_t most)
{
    static char shown[8][TEXT_SHOWN + DOTS];
    static unsigned next;
    MUST(most < TEXT_SHOWN);
    if (strnlen(text, most + 1) <= most) return text;
    char *to = shown[next++ % 8];
    memcpy(to, text, most);
    while (most > 0 && continues(text[most])) most--;
    memcpy(to + most, dots, sizeof dots);
    return to;
}

size_t text_byte_order_mark(const char *text, size_t length)
{
    return length >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3) ? 3 : 0;
}

const char *text_shell(const char *word)
{
    enum { LONGEST = 4000 };
    static char quoted[4][4 * LONGEST + 3];
    static unsigned next;
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";
    if ((word[0] && !word[strspn(word, plain)]) || strlen(word) > LONGEST) return word;
    char *to = quoted[next++ % 4], *const start = to;
    for (*to++ = '\''; *word; word++)
        if (*word == '\'') {
            memcpy(to, "'\\''", 4);
            to += 4;
        } else
            *to++ = *word;
    memcpy(to, "'", 2);
    return start;
}
