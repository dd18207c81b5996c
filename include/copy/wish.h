/** copy/wish.h: what a copy is to be, and what became of it. */
#ifndef TOMBOLA_COPY_WISH_H
#define TOMBOLA_COPY_WISH_H

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
    struct store_specs specs; /* for rows of stores that lack some which others have */
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

#endif
