/* A plan gets memory: values, what each call reads of them and how, and the lists of symbols. */
#include "base/vec.h"
#include "net/run_private.h"
#include "num/real.h"

/* Examples of a chunk: MOST of them, or fewer, USUAL at least, where their values and gradients take more than CACHE,
 * and LEAST at least where they take more than MEMORY.  It depends on the network alone.  From USUAL on it is all the
 * same to the sums over examples, which num/gemm.h takes so many at a time. */
enum { MOST = 1024, USUAL = 128, LEAST = 8, CACHE = 1 << 19, MEMORY = 256 << 20 };

struct opener {
    struct net *net;
    size_t most; /* examples of a data set */
    struct arena *arena;
};

static const struct net_node *node_of(const struct net *net, int i)
{
    return &net->graph.node[i];
}

static const struct net_operation *operation_of(const struct net *net, int i)
{
    return net_operations[net->graph.node[i].op];
}

/* ---- how many rows there can be ---- */

static size_t most_rows(const struct net *net, int list)
{
    return list == NET_EXAMPLES ? net->chunk : net->list[list].most;
}

static size_t most_of_half(const struct net *net, int i, enum net_half half)
{
    const struct net_rows *rows = &net->plan.rows[i];
    size_t sum = 0;
    for (int b = 0; b < rows->blocks; b++)
        if (net_half_of(rows, b) == half) sum += most_rows(net, rows->block[b].list);
    return sum;
}

static size_t chunk_of(const struct net *net, size_t max_batch)
{
    size_t chunk = net->off & NET_NO_CACHE ? USUAL : MOST;
    if (net->whole) return net->whole < max_batch ? net->whole : max_batch;
    for (; chunk > LEAST; chunk /= 2) {
        size_t numbers = 0;
        for (int i = 1; i < net->graph.nodes; i++) {
            const struct net_node *n = node_of(net, i);
            const struct net_operation *op = operation_of(net, i);
            const size_t blocks = (size_t)(net->plan.rows[i].blocks - net->plan.rows[i].tables);
            numbers += 2 * blocks * chunk * n->out.columns + (blocks && op->keeps ? op->keeps(n, n->live, chunk) : 0);
        }
        if (numbers * sizeof(real) <= (chunk > USUAL ? CACHE : MEMORY)) break;
    }
    return chunk < max_batch ? chunk : max_batch;
}

static void open_lists(const struct opener *o)
{
    struct net *net = o->net;
    net->list = ARENA_NEW(o->arena, (size_t)net->plan.lists, struct net_list);
    net->shown = ARENA_NEW(o->arena, net->vocabulary, uint8_t);
    for (int i = 0; i < net->plan.lists; i++) {
        struct net_list *l = &net->list[i];
        l->slots = net->plan.list[i];
        if (l->slots.first == NET_NO_POSITION) {
            l->most = l->count = l->slots.count;
            continue;
        }
        l->most = o->most * l->slots.count < net->vocabulary ? o->most * l->slots.count : net->vocabulary;
        l->symbol = ARENA_NEW(o->arena, l->most, int32_t);
        l->row = ARENA_NEW(o->arena, net->vocabulary, int32_t);
        l->shown = ARENA_NEW(o->arena, net->vocabulary, uint8_t);
    }
}

/* ---- values ---- */

static void open_values(const struct opener *o)
{
    struct net *net = o->net;
    for (int i = 0; i < net->graph.nodes; i++) {
        const struct net_node *n = node_of(net, i);
        struct net_value *v = &net->value[i];
        v->columns = n->out.columns;
        if ((size_t)n->inputs > net->inputs) net->inputs = (size_t)n->inputs;
        v->at = ARENA_NEW(o->arena, (size_t)net->plan.rows[i].blocks, size_t);
        for (int half = 0; half < NET_HALVES && i > 0; half++) {
            const size_t numbers = most_of_half(net, i, (enum net_half)half) * v->columns;
            if (!numbers) continue;
            v->half[half].room = v->half[half].out = ARENA_NEW(o->arena, numbers, real);
            if (net->plan.rows[i].asked)
                v->half[half].droom = v->half[half].dout = ARENA_NEW(o->arena, numbers, real);
        }
    }
}

/* ---- edges ---- */

static int view_of(const struct opener *o, int of, int list, size_t slot)
{
    struct net *net = o->net;
    for (size_t i = 0; i < net->views; i++)
        if (net->view[i].of == of && net->view[i].list == list && net->view[i].slot == slot) return (int)i;
    *VEC_MORE_IN(o->arena, net->view, net->views) = (struct net_view){
        .of = of, .list = list, .slot = slot, .row = ARENA_NEW(o->arena, most_rows(net, of), int32_t)
    };
    return (int)net->views - 1;
}

/* What block `own` of the node takes of position p of an input. */
static struct net_piece piece_of(const struct opener *o, int node, int own, int input, size_t p)
{
    const struct net *net = o->net;
    const struct net_block *block = &net->plan.rows[node].block[own];
    const struct net_seat *seat = net_seat(&net->plan, input, p), *mine = net_seat(&net->plan, node, block->position);
    const int list = net->plan.rows[seat->node].block[seat->block].list;
    const bool as_it_is = list == block->list && (list == NET_EXAMPLES || seat->slot == mine->slot);
    return (struct net_piece){ .node = seat->node,
                               .block = seat->block,
                               .of = block->list,
                               .view = as_it_is ? -1 : view_of(o, block->list, list, seat->slot) };
}

static bool is_direct(const struct net *net, const struct net_edge *e)
{
    for (int i = 0; i < e->pieces; i++) {
        const struct net_piece *p = &e->piece[i], *first = &e->piece[0];
        const struct net_rows *rows = &net->plan.rows[p->node];
        if (p->view >= 0 || p->node != first->node || p->block != first->block + i) return false;
        if (net_half_of(rows, p->block) != net_half_of(rows, first->block)) return false;
    }
    return true;
}

/* Who reads row by row and alone writes the gradient; all others add to it. */
static void count_uses(struct net *net, const struct net_edge *e, bool gathers)
{
    for (int i = 0; i < e->pieces && (!e->direct || gathers); i++)
        net->value[e->piece[i].node].half[net_half_of(&net->plan.rows[e->piece[i].node], e->piece[i].block)].uses +=
            2;
    if (!e->direct || gathers) return;
    const struct net_rows *rows = &net->plan.rows[e->piece[0].node];
    struct net_half_value *half = net->value[e->piece[0].node].half;
    const enum net_half own = net_half_of(rows, e->piece[0].block);
    half[own].uses++;
    half[own].whole = e->pieces == (own == NET_TABLES ? rows->tables : rows->blocks - rows->tables);
}

static size_t most_of_edge(const struct net *net, const struct net_edge *e)
{
    size_t sum = 0;
    for (int i = 0; i < e->pieces; i++) sum += most_rows(net, e->piece[i].of);
    return sum * net->value[e->piece[0].node].columns;
}

static void open_edge(const struct opener *o, const struct net_call *c, int j)
{
    struct net *net = o->net;
    const struct net_node *n = node_of(net, c->node);
    const struct net_operation *op = operation_of(net, c->node);
    struct net_edge *e = &c->edge[j];
    const bool matrix = op->by_matrix && j == n->inputs - 1, by_block = op->reach == NET_ROWS && !matrix;
    const struct net_range need = by_block ? (struct net_range){ 0, (size_t)c->blocks } : net_needs(n, c->live, j);
    e->piece = ARENA_NEW(o->arena, need.count, struct net_piece);
    for (size_t k = 0; k < need.count; k++) {
        const int own = c->block + (by_block ? (int)k : 0);
        const struct net_range one = { net->plan.rows[c->node].block[own].position, 1 };
        const size_t p = by_block ? net_needs(n, one, j).first : need.first + k;
        e->piece[e->pieces++] = matrix ? (struct net_piece){ .node = n->input[j], .view = -1 }
                                       : piece_of(o, c->node, own, n->input[j], p);
    }
    e->direct = is_direct(net, e);
    e->tables = matrix;
    count_uses(net, e, op->gathers || matrix);
    if (op->gathers || matrix)
        e->seen = ARENA_NEW(o->arena, need.count, struct net_seen);
    else if (!e->direct)
        e->copy = ARENA_NEW(o->arena, most_of_edge(net, e), real);
}

/* ---- calls ---- */

static void add_call(const struct opener *o, int i, int block, int blocks, struct net_range live)
{
    struct net *net = o->net;
    const struct net_rows *rows = &net->plan.rows[i];
    const struct net_node *n = node_of(net, i);
    const struct net_operation *op = operation_of(net, i);
    struct net_calls *calls = &net->calls[net_half_of(rows, block)];
    struct net_call *c = VEC_MORE_IN(o->arena, calls->call, calls->count);
    size_t most = 0;
    *c = (struct net_call){ .node = i,
                            .block = block,
                            .blocks = blocks,
                            .live = live,
                            .edge = ARENA_NEW(o->arena, (size_t)n->inputs, struct net_edge) };
    for (int b = block; b < block + (op->reach == NET_ROWS ? blocks : 1); b++)
        most += most_rows(net, rows->block[b].list);
    if (op->keeps) c->kept = ARENA_NEW(o->arena, op->keeps(n, live, most), real);
    for (int j = 0; j < n->inputs && op->reach != NET_SOURCE; j++) open_edge(o, c, j);
}

/* Rows are rows: one call for all of a half.  Positions are computed one by one, or those of examples side by side.
 */
static void add_calls(const struct opener *o, int i)
{
    const struct net *net = o->net;
    const struct net_rows *rows = &net->plan.rows[i];
    const enum net_reach reach = operation_of(net, i)->reach;
    const struct net_range one = { 0, 1 };
    if (reach == NET_ROWS) {
        if (rows->tables) add_call(o, i, 0, rows->tables, one);
        if (rows->blocks > rows->tables) add_call(o, i, rows->tables, rows->blocks - rows->tables, one);
        return;
    }
    for (int b = 0, next; b < rows->blocks; b = next) {
        const size_t p = rows->block[b].position;
        next = b + 1;
        while (reach == NET_ACROSS && b >= rows->tables && next < rows->blocks &&
               rows->block[next].position == p + (size_t)(next - b))
            next++;
        add_call(o, i, b, next - b, (struct net_range){ p, (size_t)(next - b) });
    }
}

static void open_spares(const struct opener *o)
{
    struct net *net = o->net;
    size_t most = 0;
    for (int half = 0; half < NET_HALVES; half++)
        for (size_t k = 0; k < net->calls[half].count; k++) {
            const struct net_call *c = &net->calls[half].call[k];
            for (int j = 0; j < node_of(net, c->node)->inputs; j++) {
                const struct net_edge *e = &c->edge[j];
                const size_t size =
                    e->pieces && !e->seen && net->plan.rows[e->piece[0].node].asked ? most_of_edge(net, e) : 0;
                if (size > most) most = size;
            }
        }
    for (size_t j = 0; j < net->inputs; j++) net->spare[j] = ARENA_NEW(o->arena, most, real);
}

/* ---- gradients of tensors ---- */

static int tensor_at(const struct layout *l, ptrdiff_t offset)
{
    int i = 0;
    while ((ptrdiff_t)(l->tensor[i].offset + l->tensor[i].size) <= offset) i++;
    return i;
}

/* [tensors]: who is nothing but the tensor, and nobody else knows it; 0: nobody. */
static void find_lenders(struct net *net, int *lender)
{
    enum { SEVERAL = -1 };
    const struct layout *l = net->layout;
    for (int i = 0; i < net->graph.nodes; i++)
        for (int k = 0; k < NET_TENSORS; k++) {
            if (node_of(net, i)->tensor[k] < 0) continue;
            int *of = &lender[tensor_at(l, node_of(net, i)->tensor[k])];
            *of = *of || !operation_of(net, i)->lends ? SEVERAL : i;
        }
    for (int t = 0; t < l->count; t++) {
        if (lender[t] == SEVERAL) lender[t] = 0;
        if (lender[t]) net->value[lender[t]].alone = true;
    }
}

/* From the end to the beginning: the first who knows a tensor may set its gradient, all others add to it. */
static void open_gradients(const struct opener *o)
{
    struct net *net = o->net;
    const struct layout *l = net->layout;
    enum { UNKNOWN, SET, ADDED };
    int *is = ARENA_SMALL(o->arena, (size_t)l->count, int);
    int *lender = ARENA_SMALL(o->arena, (size_t)l->count, int);
    find_lenders(net, lender);
    for (int half = NET_HALVES; half-- > 0;)
        for (size_t c = net->calls[half].count; c-- > 0;) {
            struct net_call *call = &net->calls[half].call[c];
            const struct net_node *n = node_of(net, call->node);
            for (int k = 0; k < NET_TENSORS; k++) {
                if (n->tensor[k] < 0) continue;
                const int t = tensor_at(l, n->tensor[k]);
                const bool sets =
                    is[t] == UNKNOWN && !n->line && !l->tensor[t].tied && net_operations[n->op]->sets >> k & 1;
                if (sets) call->fresh |= 1U << k;
                if (is[t] == UNKNOWN) is[t] = sets ? SET : ADDED;
            }
        }
    net->rest = ARENA_NEW(o->arena, (size_t)l->count, struct net_rest);
    for (int t = 0; t < l->count; t++)
        if (is[t] != SET) net->rest[net->rests++] = (struct net_rest){ &l->tensor[t], lender[t] };
}

void net_room_open(struct net *net, size_t max_batch, struct arena *a)
{
    const struct opener o = { net, max_batch, a };
    net->value = ARENA_NEW(a, (size_t)net->graph.nodes, struct net_value);
    net->chunk = chunk_of(net, max_batch);
    open_lists(&o);
    open_values(&o);
    for (int i = 1; i < net->graph.nodes; i++)
        if (net->plan.rows[i].blocks) add_calls(&o, i);
    net->in = ARENA_NEW(a, net->inputs, const real *);
    net->din = ARENA_NEW(a, net->inputs, real *);
    net->spare = ARENA_NEW(a, net->inputs, real *);
    net->seen = ARENA_NEW(a, net->inputs, const struct net_seen *);
    net->columns = ARENA_NEW(a, net->inputs, size_t);
    open_spares(&o);
    open_gradients(&o);
    net_arrange_open(net, max_batch, a);
    struct net_half_value *last = &net->value[net->plan.last].half[NET_CHUNK];
    net->turned = operation_of(net, net->plan.last)->turns && !net->order;
    if (net->turned) last->dout = last->out;
}
