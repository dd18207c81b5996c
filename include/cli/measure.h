/** cli/measure.h: measures of finished jobs, computed from their checkpoints. */
#ifndef TOMBOLA_CLI_MEASURE_H
#define TOMBOLA_CLI_MEASURE_H

#include "cli/crew.h"

/** Collective over MPI_COMM_WORLD, under the lock of crew's store, which is not open.  Compute what finished jobs
 * lack of the measures of the sheet's plan; rank 0 says what came of it.  Returns the exit code, the same on all
 * ranks. */
int measure_sweep(struct crew *crew);

#endif
