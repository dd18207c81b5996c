/** cli/timing.h: how long the jobs of a sweep would take, from epochs and measures tried here and now. */
#ifndef TOMBOLA_CLI_TIMING_H
#define TOMBOLA_CLI_TIMING_H

#include "cli/sheet.h"

struct timing {
    double *epoch;   /* [shapes of the plan] seconds of one core; where it was not timed the mean of the others */
    size_t shapes;   /* that were timed; 0: epoch is NaN */
    double *measure; /* [families of the plan] seconds of all that a job measures; NaN: all of its jobs are held */
    double *once;    /* [families of the plan] of them, those after its last epoch                               */
    bool more;       /* some measure takes longer than is counted */
};

/** Everything in the sheet's arena. */
void timing_take(struct timing *out, struct sheet *s);

#endif
