/** job/estimate.h: how long an epoch and a measure take here, found by trying them. */
#ifndef TOMBOLA_JOB_ESTIMATE_H
#define TOMBOLA_JOB_ESTIMATE_H

#include "job/recording.h"
#include "job/spec.h"
#include "num/real.h"

#define estimate_epoch REAL_NAME(estimate_epoch)

/** Processor seconds of one epoch of such a job on this core, evaluated every eval_every epochs, from a stretch of
 * about `budget` seconds; NaN if it cannot be trained.  Weights and split are drawn, not read. */
double estimate_epoch_f32(const struct job_spec *spec, double eval_every, double budget);
double estimate_epoch_f64(const struct job_spec *spec, double eval_every, double budget);

struct measure_cost {
    double checkpoint, once; /* processor seconds at each checkpoint, and for looking back from the last */
    bool more;               /* it was given up there: it takes longer */
};
/** Of one measure of such a job, at weights as they are drawn, none of them removed; nothing if it has no meaning for
 *  the job.  Given up after about `limit` seconds; a part of that does where kind->ticks is known. */
struct measure_cost estimate_measure(const struct job_spec *spec, const struct watch_measure *m, double limit);

#endif
