/** job/mirrors.h: data that a network cannot tell apart. */
#ifndef TOMBOLA_JOB_MIRRORS_H
#define TOMBOLA_JOB_MIRRORS_H

#include "base/err.h"
#include "job/spec.h"

/** ERR_SPEC if the network, whatever its weights, gives (a, b) what it gives (b, a), and the data of the spec have both
 * of some pair: then no weights give them two labels, and where they have one label a test pair's mirror image may be
 * among the training pairs.  Of examples with two places whose symbols differ; shape is theirs.  Where the network
 * does not tell them apart it builds the data, for as long as that takes; what cannot be built is somebody else's. */
CHECKED int mirrors_check(const struct job_spec *s, const struct task_shape *shape, struct err *e);

#endif
