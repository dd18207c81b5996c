/** job/estimate.h: how long an epoch takes here, found by training a few. */
#ifndef TOMBOLA_JOB_ESTIMATE_H
#define TOMBOLA_JOB_ESTIMATE_H

#include "job/spec.h"
#include "num/real.h"

#define estimate_epoch REAL_NAME(estimate_epoch)

/** Processor seconds of one epoch of such a job on this core, evaluated every eval_every epochs, from a stretch of
 * about `budget` seconds; NaN if it cannot be trained.  Weights and split are drawn, not read. */
double estimate_epoch(const struct job_spec *spec, int64_t eval_every, double budget);

#endif
