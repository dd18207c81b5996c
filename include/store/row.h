/** store/row.h: rows of /jobs, as they are stored. */
#ifndef TOMBOLA_STORE_ROW_H
#define TOMBOLA_STORE_ROW_H

#include "store/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct column;
struct err;
struct store;

enum {
    ROW_MIN = 1024, /* bytes of a row of /jobs: a power of two, so that no row straddles a page */
    FIXED = sizeof(struct store_row)
};

/** Make of the columns what reading and writing rows takes.  False if they lack one that every store has. */
CHECKED bool store_form(struct store *s);
/** Does the row agree with its checksum? */
CHECKED bool row_intact(const struct row_form *l, void *image);
void row_seal(const struct row_form *l, void *image);
/** What of a row that agrees with its checksum means nothing: state, place of its arrays, ids, texts, numbers.  NULL:
 *  all is well. */
const char *row_fault(const struct store *s, const void *image);
/** The store's own columns; what the file lacks is missing. */
void row_unpack(const struct row_form *f, const void *image, struct store_row *out);
/** As a row is that was never started. */
void row_forget(struct store_row *r);
/** There is no next training any more. */
void row_end_next(struct store_row *r);
/** Of a file's columns: the places that row_fault looks at.  False if the file lacks a column that the first release
 *  had, or has it otherwise. */
CHECKED bool row_find_places(struct row_form *f, struct arena *a);
/** Wait a little for somebody to write on, *nap seconds at first.  False: it has been long enough. */
CHECKED bool row_wait(struct store *s, double *nap);
/** One stored row, read until its checksum agrees or patience ends.  A row with a row_fault is not intact either. */
CHECKED int row_load(struct store *s, size_t row, void *image, bool *intact, struct err *e);
typedef void row_visit(void *ctx, uint32_t row, void *image, bool intact);
CHECKED int rows_each(struct store *s, row_visit *visit, void *ctx, struct err *e);

#endif
