/** cli/deadline.h: when a run must have left. */
#ifndef TOMBOLA_CLI_DEADLINE_H
#define TOMBOLA_CLI_DEADLINE_H

#include "base/checked.h"

#include <stdbool.h>

/** "90", "90s", "30m", "2h" or "1d". */
CHECKED bool deadline_parse_span(const char *text, double *seconds);

/** The time that Slurm has left for a job, as squeue prints it: D-HH:MM:SS, HH:MM:SS, MM:SS, or UNLIMITED, which is
 *  INFINITY.  False for anything else (INVALID, NOT_SET, an error message). */
CHECKED bool deadline_parse_slurm(const char *text, double *seconds);

/** Seconds until the Slurm job that this process belongs to ends, INFINITY if it has no end or there is no such job.
 *  Slurm is asked once: SLURM_JOB_END_TIME, else squeue, which gets ten seconds to answer.  False if it does not say.
 */
CHECKED bool deadline_of_slurm(double *seconds);

#endif
