/** base/names.h: lists of names, and what a misspelt one was meant to be.  Every list ends with NULL. */
#ifndef TOMBOLA_BASE_NAMES_H
#define TOMBOLA_BASE_NAMES_H

#include "base/buf.h"
#include "base/err.h"

/** The name nearest to word by edit distance, NULL if none is near. */
const char *names_near(const char *word, const char *const *names);

/** "; did you mean 'x'?" appended to out, nothing if no name is near. */
void names_suggest(struct buf *out, const char *word, const char *const *names);

/** "a, b, c" appended to out. */
void names_print(struct buf *out, const char *const *names);

/** ERR_SPEC: "BEGINNING: a, b, c; did you mean 'b'?" of a word that is no name; BEGINNING is what format gives.
 *  file and names may be NULL.  Returns -1. */
int names_unknown(struct err *e, const char *file, const char *word, const char *const *names, const char *format,
                  ...) __attribute__((format(printf, 5, 6)));

/** Set marked[i] of each name that stands in list, between commas; a name that has commas itself is known as it is.
 * ERR_SPEC: "no grid 'x'; known: ..." of a `what` that is not among them. */
CHECKED int names_mark(const char *list, const char *what, const char *const *names, bool *marked, struct err *e);

#endif
