/** job/trainer.h: from a job's keys to the trainer that runs it. */
#ifndef TOMBOLA_JOB_TRAINER_H
#define TOMBOLA_JOB_TRAINER_H

#include "job/spec.h"
#include "num/real.h"
#include "train/popup.h"

#define trainer_of      REAL_NAME(trainer_of)
#define trainer_vectors REAL_NAME(trainer_vectors)
#define trainer_check   REAL_NAME(trainer_check)

/** Not yet opened, without layout, shape, data and record, which are the caller's, as is a clock other than
 *  that of the keys. What
 *  it points to lives in *s and in the arena. */
struct trainer trainer_of(const struct job_spec *s, struct arena *a);

/** Vectors of its state: the weights, the scores if they are trained, and what the optimisers of both remember. */
int trainer_vectors(const struct job_spec *s);

/** ERR_SPEC if the control gives its scores' optimiser a key that it has not. */
CHECKED int trainer_check(const struct job_spec *s, struct err *e);

#endif
