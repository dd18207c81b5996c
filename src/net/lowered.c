/* A graph as a tape of primitives. */
#include "net/net.h"

#include "net/operation.h"

struct tape net_tape(const struct net_graph *g, struct arena *a)
{
    struct tape t = { .arena = a };
    int *at = ARENA_SMALL(a, (size_t)g->nodes, int);
    for (int i = 0; i < g->nodes; i++) {
        const struct net_node *n = &g->node[i];
        int *in = ARENA_SMALL(a, (size_t)n->inputs + 1, int);
        for (int j = 0; j < n->inputs; j++) in[j] = at[n->input[j]];
        at[i] = n->live.count || i == 0 ? net_operations[n->op]->lower(&t, n, in) : -1;
    }
    if (at[g->nodes - 1] != tape_last(&t)) UNLOOKED(tape_scale(&t, at[g->nodes - 1], 1));
    return t;
}
