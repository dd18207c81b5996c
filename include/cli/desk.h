/** cli/desk.h: rank 0's side of a run: which jobs of a sheet are to be trained, in which order, and what came of
 * them. */
#ifndef TOMBOLA_CLI_DESK_H
#define TOMBOLA_CLI_DESK_H

#include "cli/crew.h"

/** Look at every job of the crew's sheet in its store: what is dead, failed, blocked, to be trained.  *plan is for
 *  farm_run; it lives in the sheet's arena. */
void desk_open(struct crew *crew, struct farm_plan *plan);
/** Then look for what the jobs of the plan take from files: into the crew's table. */
void desk_find_inputs(const struct farm_plan *plan);
/** After farm_run: the exit code. */
int desk_code(const struct farm_plan *plan, bool stopped);
/** Say what came of it; code: of the whole run, which may have ended otherwise than its jobs. */
void desk_sum_up(const struct farm_plan *plan, bool stopped, int code);

#endif
