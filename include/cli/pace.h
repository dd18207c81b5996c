/** cli/pace.h: how fast jobs go and when they will be done.  The one place that says so, from what was done and what
 * it took: for a run's own line, for `status`, and for `plan`. */
#ifndef TOMBOLA_CLI_PACE_H
#define TOMBOLA_CLI_PACE_H

#include "store/store.h"

/** Jobs of which an epoch takes the same time: those with the same arrays. */
struct pace_group {
    double epochs, seconds; /* that were done, and what they took a core; 0: nothing is known yet */
    double left;            /* epochs to go                                                        */
    double running;         /* jobs that run now, each on a core                                   */
    int64_t unit;           /* of their rows' numbers, so many make an epoch; 0: these are epochs  */
};

struct pace {
    double rate;         /* epochs a second of all that runs; NaN: nothing runs, or nothing is known yet   */
    double core_seconds; /* that one core will need for what is left; 0: nothing is; NaN: nobody knows     */
    double seconds_left; /* for the cores at work; 0: nothing is left; NaN: none is at work, or unknown     */
};

/** A group of which nothing is known takes the mean of the others; where nearly all that is left is of such groups,
 * nobody knows how long that takes: an epoch of one network takes a thousand times as long as one of another. */
struct pace pace_of(const struct pace_group *group, size_t groups);

/** Groups of a store, one for each family. */
void pace_open(struct pace_group *group, const struct store *s);
/** Count a job as its row stands, so that a job that is trained again is one that is left. */
void pace_add(struct pace_group *group, const struct store_row *row);

#endif
