/** job/replay.h: what a network of given weights computes on a job's data: made again from what is stored, in double,
 * so that the same bits come out whenever and wherever that is done. */
#ifndef TOMBOLA_JOB_REPLAY_H
#define TOMBOLA_JOB_REPLAY_H

#include "job/data.h"

/** logits: [examples, replay_outputs] of the training or of the test set; theta: layout->n.  Local. */
void replay_logits(const struct job_spec *s, struct job_data *data, const double *theta, bool test, double *logits,
                   struct arena *scratch);
size_t replay_outputs(const struct job_spec *s, const struct job_data *data);
/** gradient: [layout->n], d(mean loss over the whole training set)/d(theta), without weight decay; of what a mask
 * holds at 0, too. */
void replay_gradient(const struct job_spec *s, struct job_data *data, const double *theta, double *gradient,
                     struct arena *scratch);

#endif
