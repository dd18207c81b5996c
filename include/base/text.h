
/** base/text.h: texts in arrays of a fixed size: one that does not fit is an error, or is seen to be shortened.
 *
 *  A path that is opened, a name that is stored or compared: text_print and text_copy, whose answer must be looked
 * at. What only people read may be shortened, and shows it by "...".
 */
#ifndef TOMBOLA_BASE_TEXT_H
#define TOMBOLA_BASE_TEXT_H

#include "base/checked.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/** Print into an array of size bytes.  False if that is too small: "" is there then, so that nothing cut passes for
 *  the whole.  Where it cannot be too small, MUST says so. */
CHECKED bool text_print(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
/** The same for the first length bytes of a text, or all of it if it is shorter. */
CHECKED bool text_copy(char *to, size_t size, const char *text, size_t length);

/** For people.  What does not fit ends with "..."; no UTF-8 character is cut in two.  size: at least 4. */
void text_brief(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
void text_brief_args(char *to, size_t size, const char *format, va_list args) __attribute__((format(printf, 3, 0)));
/** The same for a path, whose end says more than its beginning: ".../sweeps/quick.yaml". */
void text_brief_path(char *to, size_t size, const char *path);

enum { TEXT_SHOWN = 512 };
/** For people, as an argument of a message: the text, or the beginning of it with "..." if it has more than `most`
 *  bytes (fewer than TEXT_SHOWN).  Valid until the eighth call after this one. */
const char *text_shown(const char *text, size_t most);
/** What would move the cursor of a terminal, or begin a line, becomes '?'.  Returns text. */
char *text_plain(char *text);
/** Bytes of the byte order mark that a UTF-8 text begins with, as some editors save it: 3 or 0. */
size_t text_byte_order_mark(const char *text, size_t length);
/** A word of a command that a user may copy into a shell: as it is, or in single quotes if it needs them.  Valid
 * until the fourth call after this one; a word of over 4000 bytes stays as it is. */
const char *text_shell(const char *word);

#endif
