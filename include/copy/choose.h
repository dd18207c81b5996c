/** copy/choose.h: which jobs go into the copy. */
#ifndef TOMBOLA_COPY_CHOOSE_H
#define TOMBOLA_COPY_CHOOSE_H

#include "copy/state.h"

/** Items with their places are known: mark those that are chosen, and those that these need.  ERR_SPEC: there is no
 * such grid or column, or nothing is left. */
CHECKED int copy_choose(struct copy *c, struct err *e);
/** Does the wish leave out any jobs? */
bool copy_chooses(const struct copy *c);
/** Is the job to be in the copy? */
bool copy_wants(const struct copy *c, const struct item *item);
/** Is the use of a job by this grid to be in the copy, if the job is? */
bool copy_wants_grid(const struct copy *c, const struct grid_record *r);

#endif
