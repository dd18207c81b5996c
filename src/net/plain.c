/* The list as a tape of primitives, on doubles and on dual numbers. */
#include "net/net.h"

#include "net/operation.h"
#include "net/tape.h"
#include "num/scalar.h"

#include <string.h>

static struct tape tape_of(const struct net_graph *g, struct arena *a)
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

void SCALAR_NAME(net)(const void *config, const struct task_shape *shape, const struct layout *layout,
                      const struct dataset *d, const scalar *theta, scalar *logits, const scalar *dlogits,
                      scalar *gradient, const struct plain_guard *guard)
{
    const struct net_config *c = config;
    struct arena a = { 0 };
    struct net_graph g;
    struct layout own = { .count = 0 };
    struct err e = { 0 };
    if (net_read_text(&g, &own, c->net, shape, &a, &e)) BUG("%s", e.text);
    const struct tape t = tape_of(&g, &a);
    const size_t outputs = t.entry[tape_last(&t)].size;
    scalar **value = ARENA_NEW(&a, t.count, scalar *), **dvalue = ARENA_NEW(&a, t.count, scalar *);
    for (size_t i = 0; i < t.count; i++) {
        const struct tape_entry *entry = &t.entry[i];
        const bool weights = entry->what == TAPE_WEIGHTS;
        value[i] = weights ? (scalar *)theta + entry->offset : ARENA_NEW(&a, entry->size, scalar);
        dvalue[i] = !gradient ? NULL : weights ? gradient + entry->offset : ARENA_NEW(&a, entry->size, scalar);
    }
    scalar *dlast = ARENA_NEW(&a, outputs, scalar);
    if (gradient) memset(gradient, 0, layout->n * sizeof *gradient);
    for (size_t i = 0; i < d->n && !plain_leaves(guard); i++) {
        for (size_t o = 0; gradient && o < outputs; o++) dlast[o] = dlogits[o * d->n + i];
        tape_run(&t, d, i, value, dvalue, gradient ? dlast : NULL);
        for (size_t o = 0; o < outputs; o++) logits[o * d->n + i] = value[tape_last(&t)][o];
    }
    for (int i = 0; i < own.count && gradient; i++)
        if (own.tensor[i].state) memset(gradient + own.tensor[i].offset, 0, own.tensor[i].size * sizeof *gradient);
    arena_release(&a);
}
