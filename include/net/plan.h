/** net/plan.h: on how many rows each node of a graph is computed.
 *
 *  What depends on the symbol at one position alone is the same for all examples that show it there, and is computed
 * once for each of these symbols: a table, of which examples are rows.  Tables are made at once, from the beginning
 * to the end, everything else chunk by chunk; their gradients are the sums of those of their examples, in the order
 * of these.
 *
 *  A plan depends on the network and the task's shape alone.
 */
#ifndef TOMBOLA_NET_PLAN_H
#define TOMBOLA_NET_PLAN_H

#include "net/graph.h"

/** A list: the symbols that a data set shows at some positions of its examples, each once; or so many rows of a
 * matrix, which stand at no position. */
enum { NET_LISTS = 256, NET_EXAMPLES = -1 };
#define NET_NO_POSITION ((size_t)-1)

/** So many rows of a value: one for each symbol of a list, or each example. */
struct net_block {
    int list;        /* or NET_EXAMPLES */
    size_t position; /* the first that has it */
};

/** Where example i finds the rows of a position: in that block of the node, or of one that it chooses from, that of
 * the symbol at `slot` of the example. */
struct net_seat {
    int node, block;
    size_t slot;
};

struct net_rows {
    struct net_block *block;
    int tables, blocks;    /* the first `tables` of them are of lists */
    struct net_seat *seat; /* [node->live.count] */
    bool asked;            /* has it, or what it is made of, a gradient that anybody wants? */
};

struct net_plan {
    const struct net_graph *graph;
    struct net_rows *rows; /* [nodes]; none of symbols, and of choices */
    int last;              /* the node whose rows are the logits */
    struct net_range list[NET_LISTS];
    int lists;
    unsigned off;
};

/** Rules that tests switch off, and weighted sums that cost nothing, so that more is rewritten. */
enum { NET_NO_TABLES = 1, NET_NO_REWRITING = 2, NET_NO_CACHE = 4, NET_FREE_SUMS = 8, NET_RULES = 16 };

void net_plan_make(struct net_plan *out, const struct net_graph *g, const struct task_shape *shape, unsigned off,
                   struct arena *a);

/** What the products of node i take in an epoch, of `batch` examples a step (0: all) and an evaluation of the test
 * set: floating-point operations, at most. */
double net_plan_flop(const struct net_plan *p, const struct task_shape *shape, size_t batch, int i);

/** What the plan costs: products and weighted sums of an epoch of training. */
double net_plan_cost(const struct net_plan *p, const struct task_shape *shape);

/** Where node i is computed: "0 by 0-1; examples at 1-3", position 0 for each symbol of positions 0 and 1. */
void net_plan_where(const struct net_plan *p, int i, struct buf *out);

/** All that results may depend on. */
enum { NET_PLAN_VERSION = 2 };
void net_plan_print(const struct net_plan *p, struct buf *out);
uint64_t net_plan_hash(const struct net_plan *p);

/** Does every example show one symbol there? */
static inline bool net_is_fixed(const struct task_shape *shape, size_t slot)
{
    return slot < 64 && shape->fixed >> slot & 1;
}

static inline const struct net_seat *net_seat(const struct net_plan *p, int node, size_t position)
{
    return &p->rows[node].seat[position - p->graph->node[node].live.first];
}

#endif
