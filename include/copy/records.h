/** copy/records.h: grids, sweeps, and the words of the root. */
#ifndef TOMBOLA_COPY_RECORDS_H
#define TOMBOLA_COPY_RECORDS_H

#include "copy/state.h"

/** Names and values of the root's attributes, as a need has them. */
const char *const *copy_provenance(struct copy *c);
/** Of the name of a sweep, in STORE_NAME bytes. */
struct id copy_sweep_key(const char *name);
/** At most so many records, and bytes, of what long texts share.  Added to *records and *bytes. */
CHECKED int copy_longs_count(struct copy *c, size_t *records, size_t *bytes, struct err *e);
/** Before the rows; c->to->control follows. */
CHECKED int copy_longs(struct copy *c, struct err *e);
/** Grids and sweeps; c->to->control follows. */
CHECKED int copy_records(struct copy *c, struct err *e);

#endif
