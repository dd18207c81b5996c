/** farm/simulate.h: how long a farm would take: its coordinator, with ranks that only pretend, and a clock that is
 * set to the next event instead of waiting for it.
 *
 *      simulate_open(&s, job, seconds, release, count);
 *      for (...) time = simulate_ranks(&s, ranks);
 */
#ifndef TOMBOLA_FARM_SIMULATE_H
#define TOMBOLA_FARM_SIMULATE_H

#include "farm/schedule.h"

struct simulate_event;

struct simulate {
    const struct farm_job *job;   /* borrowed, as what follows */
    const double *seconds;        /* [count]                   */
    const double *release;        /* [count]                   */
    struct schedule schedule;     /* lends its lists of who waits, and never begins */
    struct simulate_event *event; /* [2 count] a heap, the earliest first          */
    size_t count, events;
    double now;
};

/** seconds: what a job takes, >= 0.  release: of a job with a parent, how long after the parent's start that marks
 * what the job needs, from 0 to the parent's seconds.  A job that is to run alone is taken for one that is not. */
void simulate_open(struct simulate *s, const struct farm_job *job, const double *seconds, const double *release,
                   size_t count);
void simulate_close(struct simulate *s);

/** Seconds from the start to the last end, if every rank trains, as rank 0 does, and messages take no time. */
double simulate_ranks(struct simulate *s, int ranks);

/** Seconds that no number of ranks can save: of the longest chain of jobs, each from its start to what the next one
 *  needs.  *last: the job at its end; before [count]: the job that each has waited for longest, or FARM_NO_PARENT.  0
 *  jobs: 0 seconds, and FARM_NO_PARENT. */
double simulate_critical(const struct simulate *s, uint32_t *last, uint32_t *before);

#endif
