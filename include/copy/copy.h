/** copy/copy.h: one store made of one or more: an archive of what has finished, or the union of stores. */
#ifndef TOMBOLA_COPY_COPY_H
#define TOMBOLA_COPY_COPY_H

#include "copy/wish.h"

/** Serial, one process.  Every job of the stores once, by its id: done beats failed beats blocked or skipped beats
 * the rest, and the first store beats the others.  Rows are numbered anew in the order in which the stores have them;
 * grids and sweeps are those of all stores.  What is chosen by grids or a condition brings along all that it is made
 * from; of the grids only those that were named stay, with the sweeps that still have a job.  Every checksum of what
 * is copied is checked: a damaged row is taken from another store, or becomes pending, or is left out of an archive,
 * and is said.  The stores may be written to meanwhile: jobs that finish after the start may be missing.  `to`
 * appears, or is replaced, at the end, when all of it is on the disk; ERR_LOCKED if it is there by then and was not
 * to be replaced.  Fails with ERR_IO, ERR_STORE (what belongs to no row is damaged), ERR_FULL; ERR_SPEC if the
 * stores' columns do not fit into one row, there is no such grid or column, or nothing is chosen. */
CHECKED int copy_store(const char *to, const struct copy_wish *wish, struct copy_totals *out, struct err *e);

#endif
