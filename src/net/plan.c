#include "net/plan.h"

#include "base/hash.h"
#include "net/operation.h"

#include <string.h>

/* A value of more tables than this has none: they would be as many as a text has positions. */
enum { TABLES = 16 };

/* What a position of a node's value depends on. */
struct reach {
    int list; /* or NET_EXAMPLES */
    size_t slot;
    bool same; /* as all that it is made of */
};

struct planner {
    struct net_plan *plan;
    const struct net_graph *graph;
    const struct task_shape *shape;
    struct arena *arena;
    unsigned off;
};

/* NET_EXAMPLES: there are too many. */
static int list_of(struct net_plan *p, struct net_range slots)
{
    for (int i = 0; i < p->lists; i++)
        if (p->list[i].first == slots.first && p->list[i].count == slots.count) return i;
    if (p->lists == NET_LISTS) return NET_EXAMPLES;
    p->list[p->lists] = slots;
    return p->lists++;
}

/* Of two, both on lists: one of them may be of a symbol that never changes. */
static size_t join_slots(const struct planner *r, size_t one, size_t other, bool *meet)
{
    *meet = one == other || net_is_fixed(r->shape, one) || net_is_fixed(r->shape, other);
    return net_is_fixed(r->shape, one) ? other : one;
}

/* Of position p of node i. */
static struct reach reach_of(struct planner *r, int i, size_t p)
{
    const struct net_node *n = &r->graph->node[i];
    struct reach out = { NET_EXAMPLES, 0, true };
    bool first = true;
    for (int j = 0; j < net_row_inputs(n); j++) {
        const struct net_range need = net_needs(n, (struct net_range){ p, 1 }, j);
        for (size_t q = need.first; q < need.first + need.count; q++) {
            const struct net_seat *seat = net_seat(r->plan, n->input[j], q);
            const int list = r->plan->rows[seat->node].block[seat->block].list;
            bool meet = true;
            if (list == NET_EXAMPLES) return (struct reach){ NET_EXAMPLES, 0, false };
            if (first) out = (struct reach){ list, seat->slot, true };
            first = false;
            out.same &= list == out.list && seat->slot == out.slot;
            out.slot = join_slots(r, out.slot, seat->slot, &meet);
            if (!meet) return (struct reach){ NET_EXAMPLES, 0, false };
        }
    }
    if (!out.same) out.list = list_of(r->plan, (struct net_range){ out.slot, 1 });
    return out;
}

/* Are positions p and q of the node the same rows, made of the same rows? */
static bool is_twin(const struct planner *r, const struct net_node *n, size_t p, size_t q)
{
    for (int j = 0; j < net_row_inputs(n); j++) {
        const struct net_seat *one =
            net_seat(r->plan, n->input[j], net_needs(n, (struct net_range){ p, 1 }, j).first);
        const struct net_seat *other =
            net_seat(r->plan, n->input[j], net_needs(n, (struct net_range){ q, 1 }, j).first);
        if (one->node != other->node || one->block != other->block) return false;
    }
    return true;
}

static void place_source(struct planner *r, const struct net_node *n, struct reach *reach)
{
    const size_t first = n->in.first + n->live.first;
    const int list = list_of(r->plan, (struct net_range){ first, n->live.count });
    for (size_t k = 0; k < n->live.count; k++) reach[k] = (struct reach){ list, first + k, true };
}

/* Positions that are not computed apart are all of a kind, and few tables are better than many. */
static void place_others(struct planner *r, int i, struct reach *reach)
{
    const struct net_node *n = &r->graph->node[i];
    const struct net_operation *op = net_operations[n->op];
    bool all = i == 0 || op->noisy || i == r->graph->nodes - 1 || r->off & NET_NO_TABLES;
    for (size_t k = 0; k < n->live.count && !all; k++) {
        reach[k] = reach_of(r, i, n->live.first + k);
        if (op->reach == NET_POSITION && reach[k].list != NET_EXAMPLES) {
            reach[k].list = list_of(r->plan, (struct net_range){ reach[k].slot, 1 });
            reach[k].same = false;
        }
        const bool together = op->reach == NET_ACROSS && !op->apart;
        all = together && (reach[k].list == NET_EXAMPLES || reach[k].list != reach[0].list);
    }
    for (size_t k = 0; k < n->live.count && all; k++) reach[k] = (struct reach){ NET_EXAMPLES, 0, false };
}

/* Blocks of tables before those of examples, each in the order of its positions; how many tables. */
static int seat_all(const struct planner *r, int i, const struct reach *reach, struct net_rows *out)
{
    const struct net_node *n = &r->graph->node[i];
    const enum net_reach is = net_operations[n->op]->reach;
    out->blocks = out->tables = 0;
    for (int examples = 0; examples < 2; examples++) {
        for (size_t k = 0; k < n->live.count; k++) {
            const size_t p = n->live.first + k;
            size_t twin = is == NET_SOURCE ? 0 : k;
            if ((reach[k].list == NET_EXAMPLES) != examples) continue;
            for (size_t q = 0; q < k && is == NET_ROWS && !examples && twin == k; q++)
                if (reach[q].list == reach[k].list && reach[q].same && reach[k].same &&
                    is_twin(r, n, n->live.first + q, p))
                    twin = q;
            if (twin == k) out->block[out->blocks++] = (struct net_block){ reach[k].list, p };
            out->seat[k] = (struct net_seat){ i, twin == k ? out->blocks - 1 : out->seat[twin].block, reach[k].slot };
        }
        if (!examples) out->tables = out->blocks;
    }
    return out->tables;
}

/* A choice has no rows of its own; at the end, if the rows that it chooses are all that there is of a value, which
 * nobody else reads. */
static bool is_elsewhere(const struct planner *r, int i)
{
    const struct net_graph *g = r->graph;
    const struct net_node *n = &g->node[i];
    if (!net_operations[n->op]->chooses) return false;
    if (i < g->nodes - 1) return true;
    const int from = net_seat(r->plan, n->input[0], net_needs(n, n->live, 0).first)->node;
    int readers = 0;
    for (int k = 0; k < g->nodes; k++)
        for (int j = 0; j < g->node[k].inputs && g->node[k].live.count; j++) readers += g->node[k].input[j] == from;
    return from > 0 && readers == 1 && r->plan->rows[from].blocks == 1 && !r->plan->rows[from].tables;
}

static void plan_node(struct planner *r, int i)
{
    const struct net_node *n = &r->graph->node[i];
    const enum net_reach is = net_operations[n->op]->reach;
    struct net_rows *rows = &r->plan->rows[i];
    for (int k = 0; k < NET_TENSORS; k++) rows->asked |= n->tensor[k] >= 0;
    for (int j = 0; j < n->inputs; j++) rows->asked |= r->plan->rows[n->input[j]].asked;
    if (n->out.form == NET_SYMBOLS || !n->live.count) return;
    struct reach *reach = ARENA_NEW(r->arena, n->live.count, struct reach);
    rows->block = ARENA_NEW(r->arena, n->live.count, struct net_block);
    rows->seat = ARENA_NEW(r->arena, n->live.count, struct net_seat);
    r->plan->last = i;
    if (is_elsewhere(r, i)) {
        rows->seat[0] = *net_seat(r->plan, n->input[0], net_needs(n, n->live, 0).first);
        r->plan->last = rows->seat[0].node;
        return;
    }
    if (is == NET_MATRIX)
        reach[0].list = list_of(r->plan, (struct net_range){ NET_NO_POSITION, n->in.positions });
    else if (is == NET_SOURCE)
        place_source(r, n, reach);
    else
        place_others(r, i, reach);
    if (seat_all(r, i, reach, rows) <= TABLES) return;
    for (size_t k = 0; k < n->live.count; k++) reach[k].list = NET_EXAMPLES;
    seat_all(r, i, reach, rows);
}

void net_plan_make(struct net_plan *out, const struct net_graph *g, const struct task_shape *shape, unsigned off,
                   struct arena *a)
{
    struct planner r = { out, g, shape, a, off };
    *out = (struct net_plan){ .graph = g, .off = off, .rows = ARENA_NEW(a, (size_t)g->nodes, struct net_rows) };
    for (int i = 0; i < g->nodes; i++) plan_node(&r, i);
}

/* ---- what it costs ---- */

/* So many rows at most, in all steps of an epoch. */
static double rows_of(const struct net_plan *p, const struct task_shape *shape, size_t batch, int list)
{
    const struct net_range *l = &p->list[list];
    const double steps = (double)((shape->n_train + batch - 1) / batch);
    if (l->first == NET_NO_POSITION) return steps * (double)l->count;
    const double shown = (double)batch * (double)l->count, known = (double)shape->vocabulary;
    return steps * (l->count == 1 && net_is_fixed(shape, l->first) ? 1 : shown < known ? shown : known);
}

/* Of all tables of node i, in a step. */
static double rows_of_tables(const struct net_plan *p, const struct task_shape *shape, size_t batch, int i)
{
    const double steps = (double)((shape->n_train + batch - 1) / batch);
    double sum = 0;
    for (int b = 0; b < p->rows[i].tables; b++) sum += rows_of(p, shape, batch, p->rows[i].block[b].list) / steps;
    return sum;
}

double net_plan_flop(const struct net_plan *p, const struct task_shape *shape, size_t batch, int i)
{
    const struct net_node *n = &p->graph->node[i];
    const struct net_operation *op = net_operations[n->op];
    const bool whole = op->reach == NET_ACROSS && !op->apart;
    /* A product forwards, one for its weights and one for what it is made of. */
    const double times = !n->inputs || p->rows[n->input[0]].asked ? 3 : 2;
    double sum = 0;
    if (!batch || batch > shape->n_train) batch = shape->n_train;
    for (int b = 0; b < (whole ? 1 : p->rows[i].blocks) && op->products; b++) {
        const struct net_block *block = &p->rows[i].block[b];
        const double by = op->by_rows ? rows_of_tables(p, shape, batch, n->input[n->inputs - 1]) : 1;
        const double row = 2 * by * op->products(n, whole ? n->live : (struct net_range){ block->position, 1 });
        sum += block->list == NET_EXAMPLES ? row * (times * (double)shape->n_train + (double)shape->n_test)
                                           : row * times * rows_of(p, shape, batch, block->list);
    }
    return sum;
}

/* Weighted sums run at so much less of what a core can do. */
static const double SLOWER = 4.5;

double net_plan_cost(const struct net_plan *p, const struct task_shape *shape)
{
    const size_t batch = shape->batch && shape->batch < shape->n_train ? shape->batch : shape->n_train;
    struct task_shape train = *shape;
    double cost = 0;
    train.n_test = 0; /* of which nothing depends */
    for (int i = 1; i < p->graph->nodes; i++) {
        const struct net_node *n = &p->graph->node[i];
        const struct net_operation *op = net_operations[n->op];
        cost += net_plan_flop(p, &train, batch, i);
        for (int b = 0; b < p->rows[i].blocks && op->sums && !(p->off & NET_FREE_SUMS); b++) {
            const struct net_block *block = &p->rows[i].block[b];
            const double rows =
                block->list == NET_EXAMPLES ? (double)shape->n_train : rows_of(p, shape, batch, block->list);
            cost += 6 * SLOWER * rows * op->sums(n, (struct net_range){ block->position, 1 });
        }
    }
    return cost;
}

/* ---- as a text ---- */

static void print_range(struct net_range r, struct buf *out)
{
    if (r.first == NET_NO_POSITION) {
        buf_print(out, "matrix of %zu", r.count);
        return;
    }
    buf_print(out, "%zu", r.first);
    if (r.count > 1) buf_print(out, "-%zu", r.first + r.count - 1);
}

void net_plan_where(const struct net_plan *p, int i, struct buf *out)
{
    const struct net_rows *rows = &p->rows[i];
    for (int b = 0; b < rows->tables; b++) {
        buf_print(out, "%s%zu by ", b ? ", " : "", rows->block[b].position);
        print_range(p->list[rows->block[b].list], out);
    }
    for (int b = rows->tables, next; b < rows->blocks; b = next) {
        const size_t first = rows->block[b].position;
        next = b + 1;
        while (next < rows->blocks && rows->block[next].position == first + (size_t)(next - b)) next++;
        buf_text(out, b > rows->tables ? ", " : rows->tables ? "; examples at " : "examples at ");
        print_range((struct net_range){ first, (size_t)(next - b) }, out);
    }
}

void net_plan_print(const struct net_plan *p, struct buf *out)
{
    buf_print(out, "version %d\n", NET_PLAN_VERSION);
    for (int i = 1; i < p->graph->nodes; i++) {
        const struct net_node *n = &p->graph->node[i];
        if (!p->rows[i].blocks) continue;
        buf_print(out, "%s %s %zu: ", n->place, net_operations[n->op]->kind.name, n->out.columns);
        net_plan_where(p, i, out);
        for (int j = 0; j < n->inputs; j++) buf_print(out, "%s%d", j ? " " : "; of ", n->input[j]);
        buf_text(out, "\n");
    }
}

uint64_t net_plan_hash(const struct net_plan *p)
{
    struct buf text = { 0 };
    net_plan_print(p, &text);
    const uint64_t sum = hash_sum(buf_chars(&text), text.length);
    buf_release(&text);
    return sum;
}
