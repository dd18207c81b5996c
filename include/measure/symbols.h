/** measure/symbols.h: where a network has its symbols: a kind that embeds them says so itself, of a list its measure
 * does. */
#ifndef TOMBOLA_MEASURE_SYMBOLS_H
#define TOMBOLA_MEASURE_SYMBOLS_H

#include "measure/measure.h"

enum { SYMBOLS_NAME = LAYOUT_NAME };

/** A matrix of a vector for each symbol, of the task or of the answers. */
struct symbols_table {
    const struct tensor *tensor; /* NULL: there is none */
    bool rows;                   /* they are its rows, not its columns */
    size_t width, count;         /* of a vector; vectors, maybe more than there are symbols */
};

/** The table of tensor `own`, (width, count), of a kind that embeds symbols; of a list, of the operation `given`. */
struct symbols_table symbols_find(const struct measure_site *at, const char *own, const char *given);
/** The map that is tensor `own`, or of a list that of the operation `given`; NULL: there is none. */
const struct tensor *symbols_map(const struct measure_site *at, const char *own, const char *given);
/** ERR_SPEC: the list has no such operation.  key: of the measure, which is to name one. */
CHECKED int symbols_missing(const struct measure_site *at, const char *key, const char *given, struct err *e);

/** out (width, count): the first vectors, side by side, in the arena. */
double *symbols_copy(const struct measure_probe *p, const struct symbols_table *t, size_t count);

#endif
