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
void json_bool(struct buf *b, const char *key, bool value);
/** What is JSON already. */
void json_raw(struct buf *b, const char *key, const char *json);

#endif
