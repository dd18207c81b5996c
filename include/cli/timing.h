/** cli/timing.h: how long the jobs of a sweep would take, from epochs and measures tried here and now. */
#ifndef TOMBOLA_CLI_TIMING_H
#define TOMBOLA_CLI_TIMING_H

#include "cli/sheet.h"

struct timing {
    double *epoch;   /* [shapes of the plan]: seconds of one core; what was not timed has the mean of the others, */
    size_t shapes;   /* or NaN if none was: so many were                                                          */
    double *measure; /* [families of the plan]: all that one of its jobs measures, at all of its checkpoints; NaN */
    bool more;       /* where all jobs are held.  more: some measure takes longer than is counted                 */
};

/** Everything in the sheet's arena. */
void timing_take(struct timing *out, struct sheet *s);

#endif
