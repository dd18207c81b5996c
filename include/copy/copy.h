/** copy/copy.h: one store made of one or more: an archive of what has finished, or the union of stores. */
#ifndef TOMBOLA_COPY_COPY_H
#define TOMBOLA_COPY_COPY_H

#include "base/err.h"
#include "store/store.h"

enum copy_event {
    COPY_DAMAGED,   /* what does not agree with its checksum is left out                                    */
    COPY_DIFFERENT, /* a job that is done in two stores with other bits: the first one's are kept           */
    COPY_RECORDED,  /* a job that is done in two stores, recorded otherwise: as in the first one it is kept */
    COPY_MEASURED,  /* a measure that was added to two stores with other options: the first one's is kept   */
    COPY_EVENTS
};

struct copy_wish {
    const char *const *from; /* [stores] paths */
    size_t stores;
    bool archive; /* compressed, only for reading, and without the jobs that have not finished (parents of finished
                     ones stay, as pending); else an ordinary store, in which unfinished jobs are pending, with the
                     resume points of the store that has trained them longest (not those of format 1, whose jobs
                     begin anew) */
    const char *grids; /* only jobs that these grids ask for, by names between commas, or that such are made from;
                          NULL: all */
    const char *where; /* only jobs for which this SQL condition over the table jobs holds in one of the stores; NULL:
                          all */
    bool replace;      /* `to` is there, and locked by the caller */
    void *ctx;
    void (*say)(void *ctx, enum copy_event event, const char *text);
    /** How the jobs of a family were judged, for rows of format 1, which do not say it; both stay if that is unknown.
     */
    void (*judge)(const struct store_family *family, double *threshold, int64_t *spacing);
    /** Has the family all that reading its arrays takes?  ERR_STORE if not: no copy of it would. */
    int (*check)(struct store *s, size_t family, struct err *e);
};

struct copy_totals {
    size_t jobs, finished;      /* in the copy                                                    */
    size_t of, chosen;          /* jobs of all stores, and of them those that were chosen         */
    size_t along;               /* jobs that were not chosen, and came along: others are made from them */
    size_t left, left_finished; /* jobs that were not chosen, and were left out; of them, finished  */
    size_t grids, grids_kept;   /* of all stores, and in the copy                                 */
    size_t sweeps, sweeps_kept; /* files, the same                                              */
    size_t unfinished;          /* chosen jobs that the archive leaves out, because they had not finished */
    size_t shared;              /* jobs that are done in more than one store                      */
    size_t event[COPY_EVENTS];  /* how often each was said                                        */
};

/** Serial, one process.  Every job of the stores once, by its id: done beats failed beats blocked or skipped beats
 * the rest, and the first store beats the others.  Rows are numbered anew in the order in which the stores have them;
 * grids and sweeps are those of all stores.  What is chosen by grids or a condition brings along all that it is made
 * from; of the grids only those that were named stay, with the sweeps that still have a job.  Every checksum of what
 * is copied is checked: a damaged row is taken from another store, or becomes pending, or is left out of an archive,
 * and is said.  The stores may be written to meanwhile: jobs that finish after the start may be missing.  `to`
 * appears, or is replaced, at the end, when all of it is on the disk; ERR_LOCKED if it is there by then and was not
 * to be replaced.  Fails with ERR_IO, ERR_STORE (what belongs to no row is damaged), ERR_FULL; ERR_SPEC if the
 * stores' columns do not fit into one row, there is no such grid or column, or nothing is chosen. */
CHECKED int store_copy(const char *to, const struct copy_wish *wish, struct copy_totals *out, struct err *e);

#endif
