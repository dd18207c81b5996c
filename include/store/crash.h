/** store/crash.h: a process that crashes (SEGV, ABRT, BUS, FPE, ILL) says so in the row of its job. */
#ifndef TOMBOLA_STORE_CRASH_H
#define TOMBOLA_STORE_CRASH_H

#include "store/store.h"

/** Local, after MPI_Init, whose own handlers come after ours.  From now on a crash between store_begin and the job's
 *  commit adds 1 to the row's `deaths` and writes the signal's name into its `error`.  One store at a time. */
void crash_watch(struct store *s);
/** Before the store is closed. */
void crash_forget(void);

#endif
