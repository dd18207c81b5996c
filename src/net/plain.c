/* The list as a tape of primitives, on doubles and on dual numbers. */
#include "net/net.h"

#include "net/operation.h"
#include "net/tape.h"
#include "num/scalar.h"

#include <string.h>

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
    const struct tape t = net_tape(&g, &a);
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
