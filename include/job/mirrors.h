/** job/mirrors.h: data that a network cannot tell apart. */
#ifndef TOMBOLA_JOB_MIRRORS_H
#define TOMBOLA_JOB_MIRRORS_H

#include "base/err.h"
#include "job/spec.h"

enum { MIRRORS_WIDTH = 2 }; /* symbols of an example that has a mirror image */

/** For examples of MIRRORS_WIDTH symbols.  ERR_SPEC if the network adds its inputs up, so that (a, b) is (b, a) to
 * it, and the data of the spec have both of some pair: then no weights give them two labels, and where they have one
 * label a test pair's mirror image may be among the training pairs.  Builds the data, for as long as that takes; what
 * cannot be built is somebody else's. */
CHECKED int mirrors_check(const struct job_spec *s, struct err *e);

#endif
