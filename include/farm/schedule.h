/** farm/schedule.h: which job comes next, and what its end means for the others.  Knows nothing of ranks or messages.
 *
 *      schedule_open(&s, job, count);
 *      while ((j = schedule_take(&s)) != SCHEDULE_NONE) ... schedule_end(&s, j, FARM_DONE, on_blocked, ctx);
 *
 *  About 35 bytes a job, and O(log n) for each event of a job.
 */
#ifndef TOMBOLA_FARM_SCHEDULE_H
#define TOMBOLA_FARM_SCHEDULE_H

#include "base/arena.h"
#include "farm/farm.h"

#define SCHEDULE_NONE UINT32_MAX

enum schedule_state {
    SCHEDULE_WAITING, /* for its parent, or the job before it  */
    SCHEDULE_READY,
    SCHEDULE_APART, /* ready, but only when nothing else runs */
    SCHEDULE_RUNNING,
    SCHEDULE_DONE,
    SCHEDULE_FAILED,
    SCHEDULE_BLOCKED, /* its parent can never release it       */
    SCHEDULE_STOPPED, /* left early: another run will end it   */
    SCHEDULE_STATES
};

struct schedule {
    const struct farm_job *job; /* borrowed */
    size_t count;
    size_t tally[SCHEDULE_STATES]; /* jobs in each state */

    struct arena arena;
    double *chain;   /* own cost and that of the costliest line of those that wait for it   */
    uint32_t *first; /* [count + 1]: who waits for j is wait[first[j]] ... wait[first[j+1]-1]  */
    uint32_t *wait;  /* by who is waited for, then by need: schedule_wait takes one apart   */
    uint32_t *order; /* all jobs, those that are waited for first                           */
    uint32_t *heap;  /* ready jobs from the front; a stack of blocked ones from the back    */
    uint32_t *apart; /* a stack of those that are to run alone                              */
    uint8_t *state;  /* enum schedule_state                                                 */
    uint8_t *open;   /* a bit for each thing that the job still waits for                   */
};

/** A job waits for its parent's milestone, or for the end of the job that it comes after. */
struct schedule_wait {
    uint32_t job, on;
    int64_t need; /* of `on`; FARM_ENDED: its end */
};
struct schedule_wait schedule_wait(const struct schedule *s, uint32_t wait);

/** A job that is its own ancestor, a parent out of range or a cost that is no number is a BUG. */
void schedule_open(struct schedule *s, const struct farm_job *job, size_t count);
void schedule_close(struct schedule *s);

/** The ready job with the longest remaining chain, the lowest index among equals; it is running from now on.
 *  SCHEDULE_NONE if none is ready. */
uint32_t schedule_take(struct schedule *s);

/** The same of those that are to run alone. */
uint32_t schedule_take_apart(struct schedule *s);

/** A running job has reached a milestone: children with that need are ready.  The same one again changes nothing. */
void schedule_mark(struct schedule *s, uint32_t job, int64_t milestone);

/** A running job has ended.  blocked is called for every job that can now never run. */
void schedule_end(struct schedule *s, uint32_t job, enum farm_verdict verdict, void (*blocked)(void *ctx, size_t job),
                  void *ctx);

#endif
