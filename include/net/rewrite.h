/** net/rewrite.h: a graph becomes a cheaper one that computes the same but for rounding.
 *
 *  A linear map of a sum is the sum of the maps of its terms, and it may go past whatever chooses rows, or adds them
 * up with weights; two maps that follow one another are one.  Each such step is taken if the whole plan is then
 * cheaper, the best first, until none is.  It depends on the network, the number of training examples, the batch, and
 * nothing else.
 */
#ifndef TOMBOLA_NET_REWRITE_H
#define TOMBOLA_NET_REWRITE_H

#include "net/plan.h"

/** *out is the plan of g, or of what becomes of it, in the arena. */
void net_rewrite(struct net_plan *out, const struct net_graph *g, const struct task_shape *shape, unsigned off,
                 struct arena *a);

#endif
