/** cli/measurer.h: all ranks compute measures of finished jobs, one job at a time each. */
#ifndef TOMBOLA_CLI_MEASURER_H
#define TOMBOLA_CLI_MEASURER_H

#include "cli/measuring_plan.h"
#include "cli/progress.h"
#include "cli/session.h"

struct measurer {
    struct measuring_plan plan; /* rank 0 only, but for its lists */
    struct progress progress;
    size_t done, failed; /* rank 0 only */
};

/** Collective over MPI_COMM_WORLD, in the open store: what rank 0's session->measurer->plan says.  True, on all
 * ranks: stopped early.  session_close_work must follow. */
CHECKED bool measurer_work(struct session *session);

/** Rank 0, of a run, when its store is prepared, and nobody has opened it: arrays for what measurer_make_up will
 *  compute. */
CHECKED int measurer_prepare(struct session *session, struct err *e);
/** Collective over MPI_COMM_WORLD, after a run's training has ended with this code, and everything is committed:
 *  measures that the sweep asks for and that finished jobs lack are computed from their checkpoints.  The exit code,
 *  the same on all ranks. */
CHECKED int measurer_make_up(struct session *session, int code);
/** Rank 0, after that: the exit code, which is 3, with a sentence, if jobs lack measures that are not optional. */
CHECKED int measurer_code(struct session *session, int code);

#endif
