/** store/longs.h: canonical texts that are longer than a record of /texts/canonical.
 *
 *  Their longest lines KEY=VALUE stand in the record as KEY@DIGEST, and the values, which many jobs share, once each
 * in /texts/long_text, where a record of /texts/long says.  The hash of the whole text is the job's id, as ever.
 */
#ifndef TOMBOLA_STORE_LONGS_H
#define TOMBOLA_STORE_LONGS_H

#include "base/buf.h"
#include "base/map.h"
#include "store/tables.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct store;

struct longs_value {
    struct id digest;
    const char *text; /* not NUL-terminated */
    size_t length;
    size_t at; /* of one that is to be written: its record in /texts/long */
};
enum { LONGS_MOST = STORE_CANONICAL / (ID_CHARS + 1) };
struct longs_packed {
    char record[STORE_CANONICAL];
    struct longs_value value[LONGS_MOST]; /* these point into the text */
    size_t values;
};
/** ERR_SPEC if the text does not fit: it has STORE_TEXT bytes or more, or too many lines that are short. */
CHECKED int longs_pack(const char *text, struct longs_packed *out, struct err *e);

/** What is in /texts/long. */
struct longs {
    struct long_text_record *record;
    size_t count;
    struct map place; /* digest -> record, of those whose record is sound: agrees with its checksum, lies in the
                         table, and shares no byte with those before it */
    uint64_t end;     /* of the last of their texts */
};
/** Read once, and kept with the store until longs_forget. */
CHECKED int longs_open(struct store *s, const struct longs **out, struct err *e);
void longs_forget(struct store *s);
/** Is record i sound, and the place of its text? */
bool longs_sound(const struct longs *l, size_t i);
/** The text of a sound record, appended to out, is it the one of its digest?  -1 if it cannot be read. */
CHECKED int longs_text(struct store *s, const struct long_text_record *r, struct buf *out, bool *sound,
                       struct err *e);

struct longs_whole { /* a job's text, and how it is stored */
    char record[STORE_CANONICAL];
    struct buf text; /* lines whose value is lost are as in the record */
    bool padded;     /* nothing stands behind the text in the record  */
    size_t lost;     /* values that are not there, or damaged          */
};
/** A zeroed whole is ready for use, and again.  -1 only if something cannot be read. */
CHECKED int longs_read(struct store *s, uint32_t row, struct longs_whole *out, struct err *e);
/** Is it the text of that job? */
bool longs_has_id(const struct longs_whole *w, struct id id);

/** Write a value at its place, its text at byte `offset` of /texts/long_text; then its record counts as soon as
 *  control.long_texts reaches it. */
CHECKED int longs_write(struct store *s, const struct longs_value *v, uint64_t offset, struct err *e);

#endif
