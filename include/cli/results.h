/** cli/results.h: t_mem, t_gen and tau_grok of finished jobs, as the grids of a sweep file ask for them. */
#ifndef TOMBOLA_CLI_RESULTS_H
#define TOMBOLA_CLI_RESULTS_H

#include "cli/session.h"

/** Rank 0, when no job is at work and all is committed.  What each grid makes of the plan's finished jobs goes
 * to /grids, and what the grid that asked for a job first makes of it to the job's row.  Where a job's curves lack
 * what a grid looks at, both stay. */
CHECKED int results_settle(struct session *session, struct err *e);

#endif
