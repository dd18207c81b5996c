#include "net/rewrite.h"

#include "net/operation.h"

#include <string.h>

enum { W, BIAS, OUTER, INNER, STEPS = 96, HEADS = 16 };

struct search {
    const struct net_graph *from;
    const struct net_plan *plan; /* of it */
    const struct task_shape *shape;
    unsigned off;
};

/* A map at work on other values than in the list. */
struct mover {
    const struct search *search;
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
    return a->op == b->op && a->inputs == b->inputs && a->keys == b->keys && a->line == b->line &&
           a->skip == b->skip && a->out.columns == b->out.columns &&
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

/* Of x, a map. */
static int chain_of(struct mover *m, const struct net_node *x)
{
    struct net_node g = *m->map, n = *m->map;
    g.op = NET_OP_matrix;
    g.inputs = 0;
    g.in = (struct net_shape){ .form = NET_ROW, .positions = m->map->out.columns, .columns = x->out.columns };
    g.out = (struct net_shape){ .form = NET_ROW, .positions = 1, .columns = x->in.columns };
    g.tensor[0] = m->map->tensor[W];
    g.tensor[1] = x->tensor[W];
    g.line = x->line > x->in.columns ? x->line : 0;
    n.op = NET_OP_through;
    n.inputs = 2;
    n.in = n.out = x->in;
    n.out.columns = m->map->out.columns;
    n.tensor[W] = NET_ABSENT;
    n.tensor[BIAS] = take_bias(m);
    n.line = 0;
    if (x->tensor[BIAS] >= 0) { /* what the map makes of it is part of its own */
        n.tensor[OUTER] = m->map->tensor[W];
        n.tensor[INNER] = x->tensor[BIAS];
        n.line = x->out.columns;
    }
    return append(m, n, (const int[]){ x->input[0], append(m, g, NULL) });
}

/* The last source that all targets see and that is the same for all examples; NET_NO_POSITION: there is none. */
static size_t common_source(const struct mover *m, const struct net_node *attend)
{
    const struct net_plan *p = m->search->plan;
    const int x = m->from->node[attend->input[2]].input[0];
    size_t all = net_sources(attend, (struct net_range){ attend->live.first, 1 }).count;
    while (all-- > 0 && net_weighs_one(attend->keys)) {
        const struct net_seat *seat = net_seat(p, x, all);
        const int list = p->rows[seat->node].block[seat->block].list;
        if (list != NET_EXAMPLES && p->list[list].count == 1 && net_is_fixed(m->search->shape, seat->slot))
            return all;
    }
    return NET_NO_POSITION;
}

/* The sum of weights is 1: what all targets see alike is added, and the others are what they are beyond that. */
static int split_off(struct mover *m, size_t common, int x, int *rest)
{
    const struct net_node *from = &m->from->node[x];
    struct net_node at = *from, less = *from;
    for (int k = 0; k < NET_TENSORS; k++) at.tensor[k] = less.tensor[k] = NET_ABSENT;
    at.op = NET_OP_at;
    at.keys = net_at_keys(common, m->arena);
    less.op = NET_OP_less;
    at.line = less.line = 0;
    at.inputs = 1;
    less.inputs = 2;
    less.in = at.in = less.out = from->out;
    at.out = (struct net_shape){ .form = NET_ROW, .positions = 1, .columns = from->out.columns };
    const int one = append(m, at, &x);
    *rest = append(m, less, (const int[]){ x, one });
    return one;
}

/* One position of a map. */
static int map_at(struct mover *m, const struct net_node *map, int x)
{
    struct net_node n = *map;
    n.in = n.out = m->to->node[x].out;
    n.out.columns = map->out.columns;
    return append(m, n, &x);
}

/* What O makes of all heads is the sum of what its parts make of each. */
static int open_heads(struct mover *m, const struct net_node *attend)
{
    const struct net_node *v = &m->from->node[attend->input[2]], *map = m->map;
    const size_t heads = net_heads(attend->keys), inner = attend->in.columns, e = inner / heads;
    const size_t common = common_source(m, attend);
    struct net_node weights = *attend, mix = *attend;
    int input[2 + HEADS], x = v->input[0], one = -1;
    weights.op = NET_OP_weigh;
    weights.inputs = 2;
    weights.out.columns = heads * attend->in.positions;
    mix.op = NET_OP_mix;
    mix.inputs = 1 + (int)heads;
    mix.out.columns = map->out.columns;
    input[0] = append(m, weights, attend->input);
    if (common != NET_NO_POSITION) {
        struct net_node out = *map;
        one = split_off(m, common, x, &x);
        out.tensor[BIAS] = take_bias(m);
        input[mix.inputs++] = map_at(m, &out, map_at(m, v, one));
        mix.skip = common + 1;
    }
    for (size_t h = 0; h < heads; h++) {
        struct net_node value = *v, out = *map;
        value.out.columns = e;
        value.tensor[W] += (ptrdiff_t)(h * e * v->in.columns);
        if (value.tensor[BIAS] >= 0) value.tensor[BIAS] += (ptrdiff_t)(h * e);
        if (one >= 0) value.tensor[BIAS] = NET_ABSENT;
        value.line = heads > 1 ? v->in.columns : 0;
        const int from = append(m, value, &x);
        out.in = out.out = value.out;
        out.out.columns = map->out.columns;
        out.tensor[W] += (ptrdiff_t)(h * e);
        out.tensor[BIAS] = take_bias(m);
        out.line = heads > 1 ? inner : 0;
        input[1 + h] = append(m, out, &from);
    }
    m->moved = true;
    return append(m, mix, input);
}

static bool can_open(const struct mover *m, const struct net_node *attend)
{
    const struct net_node *v = &m->from->node[attend->input[2]];
    return v->op == NET_OP_dense && !v->line && !m->map->line && net_heads(attend->keys) <= HEADS;
}

/* Does the map of a weighted sum have no bias, or is it that of the weighted biases? */
static bool is_linear(const struct mover *m, const struct net_node *sum)
{
    return m->biased || m->map->tensor[BIAS] < 0 || net_weighs_one(sum->keys);
}

/* The map of node x. */
static int move(struct mover *m, int x)
{
    const struct net_node *n = &m->from->node[x];
    if (!m->possible) return 0;
    if (n->op == NET_OP_dense && m->chains && !m->map->line && n->line != n->in.columns) {
        m->moved = true;
        return chain_of(m, n);
    }
    if (n->op == NET_OP_attend && is_linear(m, n) && can_open(m, n)) return open_heads(m, n);
    const bool mixes = n->op == NET_OP_mix && is_linear(m, n);
    if (n->op != NET_OP_add && n->op != NET_OP_at && !mixes) return map_of(m, x);
    struct net_node out = *n;
    int *input = ARENA_SMALL(m->arena, (size_t)n->inputs, int);
    /* Biases of values are weighted, those of others are not: these, which stand last, come first. */
    for (int k = 0; k < n->inputs; k++) {
        const int j = mixes ? n->inputs - 1 - k : k;
        input[j] = mixes && j == 0 ? n->input[0] : move(m, n->input[j]);
    }
    out.out.columns = m->map->out.columns;
    if (!mixes) out.in.columns = m->map->out.columns;
    m->moved = true;
    return append(m, out, input);
}

/* Scores stand in a table, of each query by each key. */
static int tabulate(struct mover *m, const struct net_node *weights, size_t vocabulary, int tables)
{
    const int q = weights->input[0], k = weights->input[1];
    struct net_node scores = *weights, pick = *weights;
    scores.op = NET_OP_against;
    scores.out = m->from->node[q].out;
    scores.out.columns = net_heads(weights->keys) * vocabulary * (size_t)tables;
    pick.op = NET_OP_pick;
    return append(m, pick, (const int[]){ append(m, scores, (const int[]){ q, k }), k });
}

/* A weighted sum takes what is added to it. */
static int join(struct mover *m, const struct net_node *sum, int which)
{
    const struct net_node *mix = &m->from->node[sum->input[which]];
    struct net_node out = *mix;
    int *input = ARENA_SMALL(m->arena, (size_t)(mix->inputs + sum->inputs), int);
    memcpy(input, mix->input, (size_t)mix->inputs * sizeof *input);
    for (int j = 0; j < sum->inputs; j++)
        if (j != which) input[out.inputs++] = sum->input[j];
    out.place = sum->place;
    return append(m, out, input);
}

/* ---- steps ---- */

/* A map moves; the same, and those that meet become one; scores become a table; what is added is part of a sum. */
enum { MOVE, CHAIN, TABULATE, JOIN, KINDS };

static bool stands_in_tables(const struct net_plan *p, int i)
{
    return p->rows[i].tables && p->rows[i].tables == p->rows[i].blocks;
}

static bool may_tabulate(const struct search *s, const struct net_node *n)
{
    enum { LARGEST = 1 << 22 };
    const size_t known = (size_t)s->shape->vocabulary;
    if (n->op != NET_OP_weigh || !stands_in_tables(s->plan, n->input[0]) || !stands_in_tables(s->plan, n->input[1]))
        return false;
    return known * known * net_heads(n->keys) * (size_t)s->plan->rows[n->input[1]].tables <= LARGEST;
}

static int mix_in(const struct net_graph *g, const struct net_node *sum)
{
    for (int j = 0; j < sum->inputs && sum->op == NET_OP_add; j++)
        if (g->node[sum->input[j]].op == NET_OP_mix) return j;
    return -1;
}

static bool may_step(const struct search *s, int at, int kind)
{
    const struct net_graph *g = s->from;
    const struct net_node *n = &g->node[at];
    if (!n->live.count) return false;
    if (kind == TABULATE) return may_tabulate(s, n);
    if (kind == JOIN) return mix_in(g, n) >= 0;
    if (n->op != NET_OP_dense) return false;
    const int op = g->node[n->input[0]].op;
    return op == NET_OP_dense || op == NET_OP_add || op == NET_OP_at || op == NET_OP_attend || op == NET_OP_mix;
}

/* The graph after a step at a node; false: there is none. */
static bool take_step(struct net_graph *to, const struct search *s, int at, int kind, struct arena *a)
{
    const struct net_graph *from = s->from;
    const struct net_node *n = &from->node[at];
    struct mover m = { s,         from, to, n, kind == CHAIN, .possible = true, .most = 2 * from->nodes + 4 * HEADS,
                       .arena = a };
    if (!may_step(s, at, kind)) return false;
    *to = (struct net_graph){ .node = ARENA_NEW(a, (size_t)m.most + (size_t)from->nodes, struct net_node),
                              .nodes = at };
    memcpy(to->node, from->node, (size_t)at * sizeof *to->node);
    int moved;
    if (kind == TABULATE)
        moved = tabulate(&m, n, (size_t)s->shape->vocabulary, s->plan->rows[n->input[1]].tables);
    else if (kind == JOIN)
        moved = join(&m, n, mix_in(from, n));
    else
        moved = move(&m, n->input[0]);
    const int shift = to->nodes - at - 1;
    if (!m.possible || (kind <= CHAIN && !m.moved)) return false;
    for (int i = at + 1; i < from->nodes; i++) {
        struct net_node next = from->node[i];
        int *input = ARENA_SMALL(a, (size_t)next.inputs + 1, int);
        for (int j = 0; j < next.inputs; j++)
            input[j] = next.input[j] < at ? next.input[j] : next.input[j] == at ? moved : next.input[j] + shift;
        next.input = input;
        to->node[to->nodes++] = next;
    }
    if (moved != to->nodes - 1 && at == from->nodes - 1) return false; /* the last must be new */
    net_find_live(to);
    return true;
}

/* The best step, if it makes the plan cheaper: KINDS times its node, and its kind. */
static int best_step(const struct search *s, double *cost)
{
    int best = -1;
    for (int step = KINDS; step < KINDS * s->from->nodes; step++) {
        struct arena a = { 0 };
        struct net_graph to = { .nodes = 0 };
        if (!may_step(s, step / KINDS, step % KINDS)) continue;
        struct net_plan *plan = ARENA_NEW(&a, 1, struct net_plan);
        if (take_step(&to, s, step / KINDS, step % KINDS, &a)) {
            net_plan_make(plan, &to, s->shape, s->off, &a);
            const double is = net_plan_cost(plan, s->shape);
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
        const struct net_plan now = *out;
        const struct search s = { now.graph, &now, shape, off };
        if ((step = best_step(&s, &cost)) < 0) return;
        struct net_graph *to = ARENA_NEW(a, 1, struct net_graph);
        MUST(take_step(to, &s, step / KINDS, step % KINDS, a));
        net_plan_make(out, to, shape, off, a);
    }
}
