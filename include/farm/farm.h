/** farm/farm.h: hand out jobs to ranks; every rank works, rank 0 too.
 *
 *  The farm knows jobs as numbers with a parent, a milestone that the parent must reach first, another job that must
 *  have ended, and a cost; what a job is and where its results go is the caller's.  One protocol, one communicator;
 * waiting costs no CPU; no threads.  Rank 0 coordinates whenever it ticks, so a job must call farm_tick at least
 * every few milliseconds.
 */
#ifndef TOMBOLA_FARM_FARM_H
#define TOMBOLA_FARM_FARM_H

#include "base/err.h"

#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

#define FARM_NO_PARENT UINT32_MAX
enum { FARM_ALWAYS = -100 }; /* a `need` that is met when the parent has finished without failing */
enum { FARM_ENDED = -101 };  /* what a job needs of the one it comes after; never said of a parent */

/** What a worker is told of a job; the farm does not look at it. */
struct farm_label {
    uint32_t row;         /* of the job in the caller's table */
    uint32_t from;        /* what it is made from: another row, a list of measures, ... */
    uint32_t donor, keep; /* where it may begin, and what it leaves behind: as the caller has agreed with itself, */
    uint32_t until;       /* and what it is trained to */
};

struct farm_job {
    struct farm_label label;
    uint32_t parent; /* index into the plan, or FARM_NO_PARENT                                */
    int64_t need;    /* milestone of the parent that releases this job                        */
    uint32_t after;  /* likewise: a job that must have ended before, in whatever way          */
    bool alone;      /* nothing else may run until it has said farm_clear or ended             */
    double cost;     /* of what is left of it, in expected seconds or any common unit, >= 0; the job with the
                        longest chain (its own cost and that of its costliest line of descendants) goes first */
};

/** A job that returns FARM_STOPPED is left for another run, and everybody stops. */
enum farm_verdict { FARM_DONE, FARM_FAILED, FARM_STOPPED };

struct farm_seat { /* what a rank is doing */
    struct farm_label label;
    int64_t epoch, epochs;
    double since; /* clock_wall of the hand-out */
    bool busy;
};

struct farm_progress {
    size_t total, done, failed, blocked, running;
    double epochs;     /* completed by all ranks since the start; what a resumed job had before is not counted */
    double cost_total; /* of all jobs but blocked ones and the part that failed ones did not get to */
    double cost_done;  /* of it, the parts of running jobs included: reaches cost_total at the end  */
    const struct farm_seat *seat; /* [ranks] */
    int ranks;
    bool stopping;
};

/** Rank 0's side; NULL on the others. */
struct farm_plan {
    const struct farm_job *job;
    size_t count;
    size_t max_failures;   /* when more have failed, running jobs end and no others begin; SIZE_MAX: never */
    double progress_every; /* seconds between calls of progress, which is also called once at the end */
    void *ctx;
    /** The parent finished or failed without reaching `need`: job will never run. */
    void (*blocked)(void *ctx, size_t job);
    void (*finished)(void *ctx, size_t job, enum farm_verdict verdict, int rank);
    void (*progress)(void *ctx, const struct farm_progress *p);
};

struct farm;

/** Every rank's side. */
struct farm_work {
    void *ctx;
    /** Run one job to its end; the caller's store holds the outcome when this returns. */
    enum farm_verdict (*run)(void *ctx, struct farm *f, struct farm_label label);
    /** Asked from farm_tick and between jobs; true: stop handing out, let running jobs leave.  May be NULL. */
    bool (*should_stop)(void *ctx);
    /** Called as often, and every few milliseconds while the rank waits: what must not wait for the next job.  May be
     *  NULL. */
    void (*tend)(void *ctx);
};

/** Collective over comm (duplicated inside).  Returns on all ranks when every job is done, failed or blocked, or when
 *  all ranks have stopped.  *stopped, the same on all ranks, is true if jobs are left over: a stop that came after
 *  the last of them is none.  *failures counts failed jobs, on all ranks. */
void farm_run(MPI_Comm comm, const struct farm_plan *plan, const struct farm_work *work, bool *stopped,
              size_t *failures);

/** From inside run: a milestone of the running job is stored and may be used by others.  The same one may be marked
 *  again, by a resumed job say. */
void farm_mark(struct farm *f, int64_t milestone);
/** From inside run of a job that runs alone: what was feared has not happened, others may run beside it. */
void farm_clear(struct farm *f);
/** From inside run: serve messages, tell how far the job is; true: leave the job now (FARM_STOPPED).  The first call
 *  of a job says where it starts.  Costs 50 ns when the last call was less than 0.2 ms ago. */
CHECKED bool farm_tick(struct farm *f, int64_t epoch, int64_t epochs);

#endif
