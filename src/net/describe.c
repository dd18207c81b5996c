/* A network for people: its operations, what they give, their weights and what they cost. */
#include "net/describe.h"

#include "base/text_table.h"
#include "net/net.h"
#include "net/operation.h"

/* Floating-point operations of an epoch: a product forwards, and for what is trained two more backwards. */
static double epoch_flop(double products, const struct task_shape *shape)
{
    return 2 * products * (3 * (double)shape->n_train + (double)shape->n_test);
}

static size_t weights_of(const struct net_node *n, const struct layout *l)
{
    size_t weights = 0;
    for (int i = 0; i < l->count; i++)
        for (int k = 0; k < NET_TENSORS; k++)
            if (n->tensor[k] == (ptrdiff_t)l->tensor[i].offset) weights += l->tensor[i].size;
    return weights;
}

static void add_row(struct text_table *t, const struct net_node *n, const struct layout *l,
                    const struct task_shape *shape, double sum[2])
{
    const struct net_operation *op = net_operations[n->op];
    char gives[NET_SHAPE_TEXT];
    const double all = op->products ? op->products(n, n->out.positions, n->in.positions) : 0;
    const double live = op->products && n->live.count ? op->products(n, n->live.count, n->need.count) : 0;
    text_table_cell(t, "%s", n->place);
    text_table_cell(t, "%s", net_shape_text(&n->out, gives));
    text_table_cell(t, "%zu", n->live.count);
    text_table_cell(t, "%zu", weights_of(n, l));
    text_table_real(t, epoch_flop(live, shape) / 1e6, 6);
    sum[0] += epoch_flop(all, shape) / 1e6;
    sum[1] += epoch_flop(live, shape) / 1e6;
}

void net_describe(const void *config, const struct task_shape *shape, struct buf *out)
{
    const struct net_config *c = config;
    struct arena a = { 0 };
    struct net_graph g;
    struct layout *l = ARENA_NEW(&a, 1, struct layout);
    struct err e = { 0 };
    struct text_table t = { .columns = 5, .left = { true, true } };
    static const char *const head[] = { "operation", "gives", "computed at", "weights", "MFLOP an epoch" };
    double sum[2] = { 0, 0 };
    if (net_read_text(&g, l, c->net, shape, &a, &e)) BUG("%s", e.text);
    for (size_t i = 0; i < ARRAY_LEN(head); i++) text_table_cell(&t, "%s", head[i]);
    for (int i = 0; i < g.nodes; i++) add_row(&t, &g.node[i], l, shape, sum);
    text_table_print(&t, out);
    buf_print(out, "%zu weights; products of an epoch: %.6g MFLOP, of %.6g if every position were computed\n", l->n,
              sum[1], sum[0]);
    text_table_release(&t);
    arena_release(&a);
}
