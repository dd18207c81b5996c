/** job/inherit.h: what a job takes of its parent's weights.
 *
 *  All of them, if it has the same tensors; else those that `parent_tensors` names: {W_E: W_E, dense1.W: dense2.W},
 * its own name -> the parent's, of the same shape.
 */
#ifndef TOMBOLA_JOB_INHERIT_H
#define TOMBOLA_JOB_INHERIT_H

#include "base/buf.h"
#include "num/layout.h"

#include <stddef.h>

struct node; /* sweep/tree.h */

/** Append the canonical text of the map, in the order of the job's tensors; nothing if it says what is done without
 * it. ERR_SPEC with the place: a tensor that one of them has not, or shapes that differ. */
CHECKED int inherit_expand(const struct node *map, const char *file, const struct layout *own,
                           const struct layout *parent, struct buf *out, struct err *e);
/** ERR_SPEC if the parent's tensors are not the job's. */
CHECKED int inherit_check(const struct layout *own, const struct layout *parent, struct err *e);

/** Calls take(ctx, to, from, size) for each tensor that by such a text goes from a place of the parent's flat vector
 * to one of the job's.  ERR_JOB if the parent has it not. */
typedef void inherit_take(void *ctx, size_t to, size_t from, size_t size);
CHECKED int inherit_each(const char *text, const struct layout *own, const struct layout *parent, inherit_take *take,
                         void *ctx, struct err *e);

#endif
