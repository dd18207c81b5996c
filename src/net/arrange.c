/* Examples in another order, so that the rows of tables that neighbours ask for stay in the cache. */
#include "net/run_private.h"
#include "num/real.h"
#include "num/transpose.h"

#include <string.h>

/* Numbers of tables from which on the order pays; symbols that go together, and such groups of them at most. */
enum { LARGE = 1 << 17, GRAIN = 16, GRAINS = 64 };

/* Numbers of the tables that weighted sums take rows of, and the slots of the first and the last symbol that choose
 * them. */
static size_t look_up(const struct net *net, struct net_order *o)
{
    size_t numbers = 0;
    bool any = false;
    for (int i = 1; i < net->graph.nodes; i++) {
        const struct net_rows *rows = &net->plan.rows[i];
        const struct net_node *n = &net->graph.node[i];
        for (int j = 0; j < n->inputs && n->op == NET_OP_mix && rows->blocks > rows->tables; j++)
            for (int b = 0; b < net->plan.rows[n->input[j]].tables; b++)
                numbers += net->list[net->plan.rows[n->input[j]].block[b].list].most * n->out.columns;
    }
    for (size_t i = 0; i < net->views; i++) {
        const struct net_view *v = &net->view[i];
        if (v->of != NET_EXAMPLES || (v->slot < 64 && net->fixed >> v->slot & 1)) continue;
        if (!any || v->slot < o->slot[0]) o->slot[0] = v->slot;
        if (!any || v->slot > o->slot[1]) o->slot[1] = v->slot;
        any = true;
    }
    return any ? numbers : 0;
}

static size_t neighbourhoods(const struct net_order *o)
{
    return o->grains * o->grains * o->grain;
}

void net_arrange_open(struct net *net, size_t most, struct arena *a)
{
    struct net_order *o = ARENA_NEW(a, 1, struct net_order);
    const size_t numbers = look_up(net, o), symbols = net->vocabulary;
    for (int i = 0; i < net->graph.nodes; i++)
        if (net_operations[net->graph.node[i].op]->noisy) return; /* noise is that of a place in the batch */
    if (numbers < LARGE && !(numbers && net->off & NET_NO_CACHE)) return;
    o->grain = symbols / GRAINS < GRAIN ? GRAIN : symbols / GRAINS + 1;
    o->grains = (symbols - 1) / o->grain + 1;
    o->start = ARENA_NEW(a, neighbourhoods(o) + 1, size_t);
    o->place = ARENA_NEW(a, most, uint32_t);
    o->token = ARENA_NEW(a, most * net->width, int32_t);
    o->label = ARENA_NEW(a, most, int32_t);
    o->rows = ARENA_NEW(a, most * net->value[net->plan.last].columns, real);
    if (net->regression) o->target = ARENA_NEW(a, most * net->value[net->plan.last].columns, double);
    net->order = o;
}

/* Examples whose first symbols are near each other, and whose last are, go together, and among them those with the
 * same first symbol. */
static size_t neighbourhood(const struct net_order *o, const int32_t *token)
{
    const size_t first = (size_t)token[o->slot[0]], last = (size_t)token[o->slot[1]];
    return (first / o->grain * o->grains + last / o->grain) * o->grain + first % o->grain;
}

struct dataset net_arrange(const struct net *net, const struct dataset *d)
{
    const struct net_order *o = net->order;
    const size_t kinds = neighbourhoods(o), width = d->width, outputs = net->value[net->plan.last].columns;
    struct dataset out = *d;
    double *target = d->target ? o->target : NULL;
    memset(o->start, 0, (kinds + 1) * sizeof *o->start);
    for (size_t i = 0; i < d->n; i++) o->start[neighbourhood(o, d->token + i * width) + 1]++;
    for (size_t k = 0; k < kinds; k++) o->start[k + 1] += o->start[k];
    for (size_t i = 0; i < d->n; i++) {
        const int32_t *token = d->token + i * width;
        const size_t at = o->start[neighbourhood(o, token)]++;
        o->place[i] = (uint32_t)at;
        memcpy(o->token + at * width, token, width * sizeof *token);
        if (d->label) o->label[at] = d->label[i];
        if (target) memcpy(target + at * outputs, d->target + i * outputs, outputs * sizeof *target);
    }
    out.token = o->token;
    out.label = d->label ? o->label : NULL;
    out.target = target;
    return out;
}

void net_arrange_logits(const struct net *net, real *logits, size_t n)
{
    const size_t outputs = net->value[net->plan.last].columns;
    transpose_lines(
        logits, net->order->rows,
        &(const struct transpose){ n, outputs, .out_line = n, .in_line = outputs, .in_place = net->order->place });
}

void net_arrange_slopes(const struct net *net, const real *dlogits, size_t n)
{
    const size_t outputs = net->value[net->plan.last].columns;
    transpose_lines(
        net->order->rows, dlogits,
        &(const struct transpose){ outputs, n, .out_line = outputs, .in_line = n, .out_place = net->order->place });
}
