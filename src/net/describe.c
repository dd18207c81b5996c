/* A network for people: its operations, what they give, their weights and what they cost. */
#include "net/describe.h"

#include "base/text_table.h"
#include "net/net.h"
#include "net/operation.h"
#include "net/rewrite.h"

static size_t weights_of(const struct net_node *n, const struct layout *l)
{
    size_t weights = 0;
    for (int i = 0; i < l->count; i++)
        for (int k = 0; k < NET_TENSORS; k++)
            if (n->tensor[k] == (ptrdiff_t)l->tensor[i].offset && !l->tensor[i].state) weights += l->tensor[i].size;
    return weights;
}

static void add_row(struct text_table *t, const struct net_plan *p, int i, const struct layout *l, double mflop)
{
    const struct net_node *n = &p->graph->node[i];
    char gives[NET_SHAPE_TEXT];
    struct buf where = { 0 };
    net_plan_where(p, i, &where);
    text_table_cell(t, "%s", n->place);
    text_table_cell(t, "%s", net_operations[n->op]->kind.name);
    text_table_cell(t, "%s", net_shape_text(&n->out, gives));
    text_table_cell(t, "%s", buf_chars(&where));
    text_table_cell(t, "%zu", weights_of(n, l));
    text_table_real(t, mflop, 6);
    buf_release(&where);
}

static struct task_shape shape_of_step(const struct task_shape *shape, size_t batch)
{
    struct task_shape s = *shape;
    s.batch = batch;
    return s;
}

void net_describe(const void *config, const struct task_shape *shape, size_t batch, struct buf *out)
{
    const struct net_config *c = config;
    struct arena a = { 0 };
    struct net_graph g;
    struct layout *l = ARENA_NEW(&a, 1, struct layout);
    struct net_plan *plan = ARENA_NEW(&a, 2, struct net_plan);
    struct err e = { 0 };
    struct text_table t = { .columns = 6, .left = { true, true, true, true } };
    static const char *const head[] = { "operation", "is", "gives", "computed at", "weights", "MFLOP an epoch" };
    double sum[2] = { 0, 0 };
    if (net_read_text(&g, l, c->net, shape, &a, &e)) BUG("%s", e.text);
    const struct task_shape trained = shape_of_step(shape, batch);
    net_rewrite(&plan[0], &g, &trained, 0, &a);
    net_plan_make(&plan[1], &g, &trained, NET_NO_TABLES, &a);
    for (size_t i = 0; i < ARRAY_LEN(head); i++) text_table_cell(&t, "%s", head[i]);
    for (int i = 0; i < g.nodes; i++) sum[1] += net_plan_flop(&plan[1], shape, batch, i) / 1e6;
    for (int i = 0; i < plan[0].graph->nodes; i++) {
        if (!plan[0].graph->node[i].live.count) continue;
        const double mflop = net_plan_flop(&plan[0], shape, batch, i) / 1e6;
        sum[0] += mflop;
        add_row(&t, &plan[0], i, l, mflop);
    }
    text_table_print(&t, out);
    buf_print(
        out,
        "%zu weights; products of an epoch: at most %.6g MFLOP, of %.6g if all were computed for each example; plan "
        "%d, %016llx\n",
        layout_weights(l), sum[0], sum[1], NET_PLAN_VERSION, (unsigned long long)net_plan_hash(&plan[0]));
    text_table_release(&t);
    arena_release(&a);
}

uint64_t net_plan_of(const void *config, const struct task_shape *shape, int64_t *version)
{
    const struct net_config *c = config;
    struct arena a = { 0 };
    struct net_graph g;
    struct net_plan plan = { .lists = 0 };
    struct layout *l = ARENA_NEW(&a, 1, struct layout);
    struct err e = { 0 };
    if (net_read_text(&g, l, c->net, shape, &a, &e)) BUG("%s", e.text);
    net_rewrite(&plan, &g, shape, c->off, &a);
    const uint64_t sum = net_plan_hash(&plan);
    *version = NET_PLAN_VERSION;
    arena_release(&a);
    return sum;
}
