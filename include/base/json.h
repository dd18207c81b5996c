/** base/json.h: JSON, written into a buf piece by piece.
 *
 *  A comma stands before every piece but the first of its object or array, of a buf, or of a line.  A key of NULL is
 *  for the elements of an array, and for the whole.
 */
#ifndef TOMBOLA_BASE_JSON_H
#define TOMBOLA_BASE_JSON_H

#include "base/buf.h"

/** '{' or '[', and its other half. */
void json_open(struct buf *b, const char *key, char bracket);
void json_close(struct buf *b, char bracket);

/** Quotes included; invalid UTF-8 becomes U+FFFD.  NULL is null. */
void json_text(struct buf *b, const char *key, const char *text);
void json_int(struct buf *b, const char *key, int64_t value);
void json_count(struct buf *b, const char *key, uint64_t value);
/** As buf_real has it; null where JSON has no number (NaN, infinity). */
void json_real(struct buf *b, const char *key, double value);
/** Pairs of key and text: JSON_TEXTS(b, "store", path, "archive", from). */
#define JSON_TEXTS(b, ...) json_texts((b), __VA_ARGS__, (const char *)NULL)
void json_texts(struct buf *b, ...) __attribute__((sentinel));
/** Pairs of key and number: JSON_COUNTS(b, { "jobs", n }, { "done", m }). */
struct json_count {
    const char *key;
    uint64_t value;
};
#define JSON_COUNTS(b, ...)                                                                                          \
    json_counts((b), (const struct json_count[]){ __VA_ARGS__ },                                                     \
                sizeof((const struct json_count[]){ __VA_ARGS__ }) / sizeof(struct json_count))
void json_counts(struct buf *b, const struct json_count *pair, size_t pairs);
/** What is JSON already. */
void json_raw(struct buf *b, const char *key, const char *json);

#endif
