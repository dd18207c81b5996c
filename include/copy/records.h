/** copy/records.h: grids, sweeps, and the words of the root. */
#ifndef TOMBOLA_COPY_RECORDS_H
#define TOMBOLA_COPY_RECORDS_H

#include "copy/state.h"

/** Names and values of the root's attributes, as a need has them. */
const char *const *copy_provenance(struct copy *c);
/** Of the name of a sweep, in STORE_NAME bytes. */
struct id copy_sweep_key(const char *name);
/** Grids and sweeps; c->to->control follows. */
CHECKED int copy_records(struct copy *c, struct err *e);

#endif
