/** cli/dispatch.h: rank 0's side of a run: which jobs of a sheet are to be trained, in which order, and what came of
 * them. */
#ifndef TOMBOLA_CLI_DISPATCH_H
#define TOMBOLA_CLI_DISPATCH_H

#include "cli/session.h"

/** Look at every job of the session's sheet in its store: what is dead, failed, blocked, to be trained.  *plan is for
 *  farm_run; it lives in the sheet's arena. */
void dispatch_open(struct session *session, struct farm_plan *plan);
/** Then look for what the jobs of the plan take from files: into the session's table. */
void dispatch_find_inputs(const struct farm_plan *plan);
/** After farm_run: the exit code. */
int dispatch_code(const struct farm_plan *plan, bool stopped);
/** Say what came of it; code: of the whole run, which may have ended otherwise than its jobs. */
void dispatch_sum_up(const struct farm_plan *plan, bool stopped, int code);

#endif
