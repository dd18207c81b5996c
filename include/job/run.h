/** job/run.h: one job from its row in the store to its committed results. */
#ifndef TOMBOLA_JOB_RUN_H
#define TOMBOLA_JOB_RUN_H

#include "base/arena.h"
#include "base/err.h"
#include "job/input_table.h"
#include "store/store.h"

#define JOB_NO_PARENT UINT32_MAX
/** A job that was being trained so often when a run ended uncleanly, without a resume point in between, is suspected:
 * it is trained alone until its next resume point, which comes early. */
enum { JOB_SUSPECT = 3 };

/** What a running job tells its farm. */
struct job_hooks {
    void *ctx;
    /** The weights at this epoch, or judge_moment, are stored: jobs drawn from them may start. */
    void (*mark)(void *ctx, int64_t milestone);
    /** A resume point is stored: the job has made progress. */
    void (*saved)(void *ctx);
    /** At least every few milliseconds; true: leave now. */
    bool (*tick)(void *ctx, int64_t epoch, int64_t epochs);
};

struct job_run {
    struct store *store;
    uint32_t row, parent_row; /* parent_row: JOB_NO_PARENT if it has none */
    uint32_t donor;           /* row of the shorter job that it may go on from; JOB_NO_PARENT: none */
    int end_state;            /* enum watch_state: what it leaves behind                            */
    const char *until;        /* endings_print: when it may end; NULL: after its length             */
    int rank;
    double resume_every; /* seconds between two resume points */
    const struct job_hooks *hooks;
    const struct input_table *inputs; /* where the numbers lie that this run's jobs take from files */
    struct arena *arena;              /* everything of this job; the caller rewinds it */
};

/** Local.  Read the row, train (from its resume point if it has one), write every result, and have the row committed
 * by the next store_settle.  A row that is DONE already is compared with its ancestors: it stays as it is, or, if it
 * was made from other weights than they have now, is trained again. 0: the job is done.  -1 with *e: ERR_STOPPED, the
 * job left early with a resume point and its row is PENDING; ERR_DIVERGED or ERR_JOB, its row will be FAILED with the
 * reason; anything else: the store could not be read or written and the run must end, and the row is PENDING if that
 * could still be said. */
CHECKED int job_run(const struct job_run *run, struct err *e);

#endif
