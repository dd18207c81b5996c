/** net/net.h: model net: a network that is written as a list. */
#ifndef TOMBOLA_NET_NET_H
#define TOMBOLA_NET_NET_H

#include "model/plain.h"
#include "net/graph.h"
#include "net/tape.h"

struct net_config {
    const char *net; /* canonical text, of base/intern.h */
    unsigned off;    /* net/plan.h: rules that are not used; 0 */
};

/** The whole graph, all positions that are read. */
struct tape net_tape(const struct net_graph *g, struct arena *a);

/** Does it, whatever its weights, give two examples of symbols the same?  As far as sums and products tell: other
 * functions may be any. */
bool net_blind(const void *config, const struct task_shape *shape, const int32_t *example, const int32_t *mirror);

plain_network net_plain;
dual_network net_dual;

#endif
