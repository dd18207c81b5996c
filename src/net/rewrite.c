#include "net/rewrite.h"

#include "net/operation.h"

#include <string.h>

enum { W, BIAS, STEPS = 64 };

/* A map at work on other values than in the list. */
struct mover {
    const struct net_graph *from;
    struct net_graph *to;
    const struct net_node *map;
    bool chains; /* maps that follow one another become one */
    bool biased; /* somebody has its bias */
    bool moved, possible;
    int most; /* nodes that there is room for */
    struct arena *arena;
};

static bool is_same(const struct net_node *a, const struct net_node *b)
{
    return a->op == b->op && a->inputs == b->inputs && a->keys == b->keys && a->out.columns == b->out.columns &&
           !memcmp(a->input, b->input, (size_t)a->inputs * sizeof *a->input) &&
           !memcmp(a->tensor, b->tensor, sizeof a->tensor);
}

/* What is there already is not made twice. */
static int append(struct mover *m, struct net_node n, const int *input)
{
    struct net_graph *g = m->to;
    int *list = ARENA_SMALL(m->arena, (size_t)n.inputs + 1, int);
    if (n.inputs) memcpy(list, input, (size_t)n.inputs * sizeof *list);
    n.input = list;
    for (int i = 1; i < g->nodes; i++)
        if (is_same(&g->node[i], &n)) return i;
    if (g->nodes == m->most) {
        m->possible = false;
        return 0;
    }
    g->node[g->nodes] = n;
    return g->nodes++;
}

/* The bias goes to the first that can have it. */
static ptrdiff_t take_bias(struct mover *m)
{
    const ptrdiff_t bias = m->biased ? NET_ABSENT : m->map->tensor[BIAS];
    m->biased = true;
    return bias;
}

static int map_of(struct mover *m, int x)
{
    struct net_node n = *m->map;
    n.in = n.out = m->from->node[x].out;
    n.out.columns = m->map->out.columns;
    n.tensor[BIAS] = take_bias(m);
    return append(m, n, &x);
}

/* Of x, a map without a bias. */
static int chain_of(struct mover *m, const struct net_node *x)
{
    struct net_node g = *m->map, n = *m->map;
    g.op = NET_OP_matrix;
    g.inputs = 0;
    g.in = (struct net_shape){ .form = NET_ROW, .positions = m->map->out.columns, .columns = x->out.columns };
    g.out = (struct net_shape){ .form = NET_ROW, .positions = 1, .columns = x->in.columns };
    g.tensor[0] = m->map->tensor[W];
    g.tensor[1] = x->tensor[W];
    n.op = NET_OP_through;
    n.inputs = 2;
    n.in = n.out = x->in;
    n.out.columns = m->map->out.columns;
    n.tensor[W] = NET_ABSENT;
    n.tensor[BIAS] = take_bias(m);
    return append(m, n, (const int[]){ x->input[0], append(m, g, NULL) });
}

/* The map of node x. */
static int move(struct mover *m, int x)
{
    const struct net_node *n = &m->from->node[x];
    const bool attends = n->op == NET_OP_attend && m->map->tensor[BIAS] < 0 && net_attends_linearly(n->keys);
    if (!m->possible) return 0;
    if (n->op == NET_OP_dense && m->chains && n->tensor[BIAS] < 0) {
        m->moved = true;
        return chain_of(m, n);
    }
    if (n->op != NET_OP_add && n->op != NET_OP_at && !attends) return map_of(m, x);
    struct net_node out = *n;
    int *input = ARENA_SMALL(m->arena, (size_t)n->inputs, int);
    for (int j = 0; j < n->inputs; j++) input[j] = attends && j < 2 ? n->input[j] : move(m, n->input[j]);
    out.out.columns = m->map->out.columns;
    if (!attends) out.in.columns = m->map->out.columns;
    m->moved = true;
    return append(m, out, input);
}

/* The graph in which node `at` has moved; false: it cannot. */
static bool move_map(struct net_graph *to, const struct net_graph *from, int at, bool chains, struct arena *a)
{
    const struct net_node *map = &from->node[at];
    struct mover m = { from, to, map, chains, .possible = true, .most = 2 * from->nodes + 8, .arena = a };
    if (map->op != NET_OP_dense || !map->live.count) return false;
    *to = (struct net_graph){ .node = ARENA_NEW(a, (size_t)m.most + (size_t)from->nodes, struct net_node),
                              .nodes = at };
    memcpy(to->node, from->node, (size_t)at * sizeof *to->node);
    const int moved = move(&m, map->input[0]), shift = to->nodes - at - 1;
    if (!m.moved || !m.possible) return false;
    for (int i = at + 1; i < from->nodes; i++) {
        struct net_node n = from->node[i];
        int *input = ARENA_SMALL(a, (size_t)n.inputs + 1, int);
        for (int j = 0; j < n.inputs; j++)
            input[j] = n.input[j] < at ? n.input[j] : n.input[j] == at ? moved : n.input[j] + shift;
        n.input = input;
        to->node[to->nodes++] = n;
    }
    if (moved != to->nodes - 1 && at == from->nodes - 1) return false; /* the last must be new */
    net_find_live(to);
    return true;
}

static bool may_move(const struct net_graph *g, int i)
{
    if (g->node[i].op != NET_OP_dense || !g->node[i].live.count) return false;
    const int op = g->node[g->node[i].input[0]].op;
    return op == NET_OP_dense || op == NET_OP_add || op == NET_OP_at || op == NET_OP_attend;
}

/* The best step, if it makes the plan cheaper: twice its node, and 1 if maps become one. */
static int best_step(const struct net_graph *g, const struct task_shape *shape, unsigned off, double *cost)
{
    int best = -1;
    for (int step = 2; step < 2 * g->nodes; step++) {
        struct arena a = { 0 };
        struct net_graph to = { .nodes = 0 };
        struct net_plan *plan = ARENA_NEW(&a, 1, struct net_plan);
        if (may_move(g, step / 2) && move_map(&to, g, step / 2, step % 2, &a)) {
            net_plan_make(plan, &to, shape, off, &a);
            const double is = net_plan_cost(plan, shape);
            if (is < *cost * (1 - 1e-9)) {
                *cost = is;
                best = step;
            }
        }
        arena_release(&a);
    }
    return best;
}

void net_rewrite(struct net_plan *out, const struct net_graph *g, const struct task_shape *shape, unsigned off,
                 struct arena *a)
{
    net_plan_make(out, g, shape, off, a);
    double cost = net_plan_cost(out, shape);
    for (int step, count = 0; count < STEPS && !(off & NET_NO_REWRITING); count++) {
        if ((step = best_step(out->graph, shape, off, &cost)) < 0) return;
        struct net_graph *to = ARENA_NEW(a, 1, struct net_graph);
        MUST(move_map(to, out->graph, step / 2, step % 2, a));
        net_plan_make(out, to, shape, off, a);
    }
}
