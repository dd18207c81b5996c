/** base/clock.h: wall time, CPU time, peak memory. */
#ifndef TOMBOLA_BASE_CLOCK_H
#define TOMBOLA_BASE_CLOCK_H

#include <stddef.h>

/** Seconds from a fixed but unknown origin; never runs backwards. */
double clock_wall(void);
/** Seconds since 1970-01-01 UTC. */
double clock_unix(void);
/** CPU seconds of this thread so far: those that BLAS has started wait for work, and use the processor for it. */
double clock_cpu(void);
/** Most memory this process has held, in bytes. */
size_t clock_peak_memory(void);
/** Sleep; returns early on a signal. */
void clock_sleep(double seconds);
/** "2026-11-21T02:43:48Z"; "?" of what is no time. */
char *clock_iso(double unix_seconds, char out[32]);
/** "1.2 s", "3 min 04 s", "5 h 07 min", "2 d 03 h". */
char *clock_span(double seconds, char out[32]);

#endif
