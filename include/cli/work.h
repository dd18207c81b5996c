/** cli/work.h: the jobs of a sweep are trained. */
#ifndef TOMBOLA_CLI_WORK_H
#define TOMBOLA_CLI_WORK_H

#include "cli/session.h"

/** Collective over MPI_COMM_WORLD.  Train every job of the sheet that is not done; rank 0 says what came of it.
 *  Returns the exit code, the same on all ranks. */
CHECKED int work_on(struct session *session);

#endif
