#include "net/run.h"

#include "net/net.h"
#include "net/rewrite.h"
#include "net/run_private.h"
#include "num/clones.h"
#include "num/real.h"
#include "num/transpose.h"

#include <math.h>
#include <string.h>

struct net *net_open(const void *config, const struct layout *layout, const struct task_shape *shape,
                     size_t max_batch, struct arena *a)
{
    const struct net_config *c = config;
    struct net *net = ARENA_NEW(a, 1, struct net);
    struct layout *own = ARENA_NEW(a, 1, struct layout);
    struct err e = { 0 };
    if (net_read_text(&net->graph, own, c->net, shape, a, &e)) BUG("%s", e.text);
    MUST(own->n == layout->n);
    net->layout = layout;
    net->fixed = shape->fixed;
    net->width = shape->width;
    net->regression = shape->regression;
    net->off = c->off;
    net->vocabulary = (size_t)shape->vocabulary;
    net_rewrite(&net->plan, &net->graph, shape, c->off, a);
    net->graph = *net->plan.graph;
    for (int i = 0; i < net->graph.nodes; i++)
        if (net->graph.node[i].live.count && net_operations[net->graph.node[i].op]->whole)
            net->whole = shape->batch && shape->batch < shape->n_train ? shape->batch : shape->n_train;
    net_room_open(net, max_batch, a);
    net->logits = ARENA_NEW(a, net->chunk * (size_t)shape->classes, real);
    return net;
}

void net_prepare(struct net *net, const real *theta)
{
    net->theta = theta;
    net->ready = false;
}

/* ---- which rows there are ---- */

static int32_t symbol_at(const struct dataset *d, size_t example, size_t slot)
{
    return d->token[example * d->width + slot];
}

/* Whether the list is another than before. */
static bool list_symbols(struct net *net, struct net_list *l, const struct dataset *d)
{
    const bool one = l->slots.count == 1 && l->slots.first < 64 && net->fixed >> l->slots.first & 1;
    memset(net->shown, 0, net->vocabulary);
    for (size_t i = 0; i < (one ? 1 : d->n); i++)
        for (size_t k = 0; k < l->slots.count; k++) net->shown[symbol_at(d, i, l->slots.first + k)] = 1;
    if (!memcmp(net->shown, l->shown, net->vocabulary)) return false;
    memcpy(l->shown, net->shown, net->vocabulary);
    l->count = 0;
    for (size_t s = 0; s < net->vocabulary; s++) {
        if (!l->shown[s]) continue;
        l->row[s] = (int32_t)l->count;
        l->symbol[l->count++] = (int32_t)s;
    }
    return true;
}

static void view_rows(const struct net *net, const struct net_view *v, const struct dataset *d)
{
    const struct net_list *list = &net->list[v->list];
    const bool one = v->slot < 64 && net->fixed >> v->slot & 1;
    const size_t rows = v->of == NET_EXAMPLES ? d->n : net->list[v->of].count;
    for (size_t i = 0; i < rows; i++)
        v->row[i] = list->row[one                     ? symbol_at(d, 0, v->slot)
                              : v->of == NET_EXAMPLES ? symbol_at(d, i, v->slot)
                                                      : net->list[v->of].symbol[i]];
}

/* Of a list, or of a chunk of so many examples. */
static size_t rows_of(const struct net *net, int list, size_t examples)
{
    return list == NET_EXAMPLES ? examples : net->list[list].count;
}

/* Where the blocks of this half begin. */
static void place_blocks(struct net *net, enum net_half half, size_t examples)
{
    for (size_t k = 0; k < net->calls[half].count; k++) {
        const int i = net->calls[half].call[k].node;
        const struct net_rows *rows = &net->plan.rows[i];
        const int first = half == NET_TABLES ? 0 : rows->tables,
                  end = half == NET_TABLES ? rows->tables : rows->blocks;
        size_t at = 0;
        for (int b = first; b < end; b++) {
            net->value[i].at[b] = at;
            at += rows_of(net, rows->block[b].list, examples);
        }
    }
}

static size_t rows_of_half(const struct net *net, int i, enum net_half half, size_t examples)
{
    const struct net_rows *rows = &net->plan.rows[i];
    const int end = (half == NET_TABLES ? rows->tables : rows->blocks) - 1;
    if (end < (half == NET_TABLES ? 0 : rows->tables)) return 0;
    return net->value[i].at[end] + rows_of(net, rows->block[end].list, examples);
}

/* ---- edges ---- */

static struct net_half_value *half_of(struct net *net, const struct net_piece *p)
{
    return &net->value[p->node].half[net_half_of(&net->plan.rows[p->node], p->block)];
}

static size_t begin(const struct net *net, const struct net_piece *p)
{
    const struct net_value *v = &net->value[p->node];
    return v->at[p->block] * v->columns;
}

static void gather(real *restrict out, const real *restrict in, const int32_t *row, size_t rows, size_t columns)
{
    if (!row) memcpy(out, in, rows * columns * sizeof *out);
    for (size_t r = 0; row && r < rows; r++)
        memcpy(out + r * columns, in + (size_t)row[r] * columns, columns * sizeof *out);
}

CLONES static void scatter(real *restrict din, const real *restrict d, const int32_t *row, size_t rows,
                           size_t columns)
{
    for (size_t r = 0; r < rows; r++, d += columns) {
        real *to = din + (row ? (size_t)row[r] : r) * columns;
        for (size_t j = 0; j < columns; j++) to[j] += d[j];
    }
}

static void look(struct net *net, const struct net_edge *e, size_t examples)
{
    for (int i = 0; i < e->pieces; i++) {
        const struct net_piece *p = &e->piece[i];
        const struct net_half_value *half = half_of(net, p);
        const size_t at = begin(net, p);
        e->seen[i] = (struct net_seen){ .at = half->out + at,
                                        .dat = half->dout ? half->dout + at : NULL,
                                        .row = p->view < 0 ? NULL : net->view[p->view].row,
                                        .rows = e->tables ? rows_of_half(net, p->node, NET_TABLES, 0)
                                                          : rows_of(net, p->of, examples),
                                        .first = net->value[p->node].at[p->block] };
    }
}

static void fetch(struct net *net, const struct net_edge *e, size_t examples)
{
    real *out = e->copy;
    for (int i = 0; i < e->pieces; i++) {
        const struct net_piece *p = &e->piece[i];
        const size_t rows = rows_of(net, p->of, examples), columns = net->value[p->node].columns;
        gather(out, half_of(net, p)->out + begin(net, p), p->view < 0 ? NULL : net->view[p->view].row, rows, columns);
        out += rows * columns;
    }
}

static void give_back(struct net *net, const struct net_edge *e, const real *d, size_t examples)
{
    for (int i = 0; i < e->pieces; i++) {
        const struct net_piece *p = &e->piece[i];
        const size_t rows = rows_of(net, p->of, examples), columns = net->value[p->node].columns;
        scatter(half_of(net, p)->dout + begin(net, p), d, p->view < 0 ? NULL : net->view[p->view].row, rows, columns);
        d += rows * columns;
    }
}

/* ---- calls ---- */

static bool is_written(const struct net_half_value *half)
{
    return half->uses == 1 && half->whole;
}

static struct net_step step_of(struct net *net, const struct net_call *c, enum net_half half, size_t examples)
{
    const struct net_node *n = &net->graph.node[c->node];
    const struct net_value *v = &net->value[c->node];
    const struct net_block *block = &net->plan.rows[c->node].block[c->block];
    const enum net_reach reach = net_operations[n->op]->reach;
    const size_t at = v->at[c->block] * v->columns;
    struct net_step s = { .node = n,
                          .live = c->live,
                          .first = net->first,
                          .training = net->training,
                          .turned = net->turned && c->node == net->plan.last,
                          .fresh = half == NET_TABLES || net->first == 0 ? c->fresh : 0,
                          .symbol = reach == NET_SOURCE ? net->list[block->list].symbol : NULL,
                          .inputs = reach == NET_SOURCE ? 0 : (size_t)n->inputs,
                          .columns = net->columns,
                          .in = net->in,
                          .din = net->din,
                          .seen = net->seen,
                          .out = v->half[half].out + at,
                          .dout = v->half[half].dout ? v->half[half].dout + at : NULL,
                          .theta = net->theta,
                          .kept = c->kept };
    s.seens = reach == NET_ROWS ? (size_t)c->blocks : 0;
    for (int b = 0; b < (reach == NET_ROWS ? c->blocks : 1); b++) s.rows += rows_of(net, block[b].list, examples);
    for (size_t j = 0; j < s.inputs; j++) {
        const struct net_edge *e = &c->edge[j];
        net->columns[j] = net->value[n->input[j]].columns;
        net->seen[j] = e->seen;
        if (e->seen) look(net, e, examples);
        net->in[j] = e->direct ? half_of(net, &e->piece[0])->out + begin(net, &e->piece[0]) : e->copy;
    }
    return s;
}

static void call_forward(struct net *net, const struct net_call *c, enum net_half half, size_t examples)
{
    const struct net_node *n = &net->graph.node[c->node];
    if (net->value[c->node].lent) return;
    const struct net_step s = step_of(net, c, half, examples);
    for (size_t j = 0; j < s.inputs; j++)
        if (c->edge[j].copy) fetch(net, &c->edge[j], examples);
    net_operations[n->op]->forward(&s);
}

static void call_backward(struct net *net, const struct net_call *c, enum net_half half, size_t examples,
                          real *gradient)
{
    const struct net_node *n = &net->graph.node[c->node];
    if (net->value[c->node].lent) return;
    struct net_step s = step_of(net, c, half, examples);
    s.gradient = gradient;
    for (size_t j = 0; j < s.inputs; j++) {
        const struct net_edge *e = &c->edge[j];
        struct net_half_value *from = half_of(net, &e->piece[0]);
        const bool asked = net->plan.rows[n->input[j]].asked;
        net->din[j] = !asked ? NULL : is_written(from) ? from->dout : net->spare[j];
    }
    net_operations[n->op]->backward(&s);
    for (size_t j = 0; j < s.inputs; j++)
        if (net->din[j] == net->spare[j] && !c->edge[j].seen) give_back(net, &c->edge[j], net->spare[j], examples);
}

static void forward_half(struct net *net, enum net_half half, size_t examples)
{
    for (size_t k = 0; k < net->calls[half].count; k++) call_forward(net, &net->calls[half].call[k], half, examples);
}

static void clear_half(struct net *net, enum net_half half, size_t examples)
{
    for (int i = 1; i < net->graph.nodes; i++) {
        const struct net_half_value *v = &net->value[i].half[half];
        if (v->dout && !is_written(v) && !net->value[i].lent && i != net->plan.last)
            memset(v->dout, 0, rows_of_half(net, i, half, examples) * net->value[i].columns * sizeof(real));
    }
}

static void backward_half(struct net *net, enum net_half half, size_t examples, real *gradient)
{
    for (size_t k = net->calls[half].count; k-- > 0;) {
        const struct net_call *c = &net->calls[half].call[k];
        if (net->plan.rows[c->node].asked) call_backward(net, c, half, examples, gradient);
    }
}

/* ---- tables ---- */

/* What is a tensor is not copied. */
static void lend(struct net *net)
{
    for (int i = 1; i < net->graph.nodes; i++) {
        const struct net_node *n = &net->graph.node[i];
        struct net_value *v = &net->value[i];
        if (!net_operations[n->op]->lends || !v->alone || !net->plan.rows[i].tables) continue;
        v->lent = net->list[net->plan.rows[i].block[0].list].count == net->vocabulary;
        v->half[NET_TABLES].out = v->lent ? (real *)net->theta + n->tensor[0] : v->half[NET_TABLES].room;
    }
}

/* Made again if the weights or the symbols are others. */
static void make_tables(struct net *net, const struct dataset *d)
{
    bool same = net->ready;
    for (int i = 0; i < net->plan.lists; i++)
        if (net->list[i].slots.first != NET_NO_POSITION) same &= !list_symbols(net, &net->list[i], d);
    if (same) return;
    lend(net);
    for (size_t i = 0; i < net->views; i++)
        if (net->view[i].of != NET_EXAMPLES) view_rows(net, &net->view[i], d);
    place_blocks(net, NET_TABLES, 0);
    forward_half(net, NET_TABLES, 0);
    net->ready = true;
}

static void open_tables(struct net *net, const struct dataset *d, real *gradient)
{
    make_tables(net, d);
    for (size_t i = 0; i < net->rests; i++) {
        const struct net_rest *r = &net->rest[i];
        const struct net_value *v = &net->value[r->lender];
        if (r->lender && v->lent && is_written(&v->half[NET_TABLES])) continue;
        memset(gradient + r->tensor->offset, 0, r->tensor->size * sizeof *gradient);
    }
    for (int i = 1; i < net->graph.nodes; i++)
        if (net->value[i].half[NET_TABLES].dout)
            net->value[i].half[NET_TABLES].dout =
                net->value[i].lent ? gradient + net->graph.node[i].tensor[0] : net->value[i].half[NET_TABLES].droom;
    clear_half(net, NET_TABLES, 0);
}

/* Backwards, a node may use the room of its value. */
static void close_tables(struct net *net, real *gradient)
{
    backward_half(net, NET_TABLES, 0, gradient);
    net->ready = false;
}

/* ---- chunks ---- */

static size_t outputs_of(const struct net *net)
{
    return net->value[net->plan.last].columns;
}

/* The next chunk of d, from example `first` on. */
static struct dataset slice(struct net *net, const struct dataset *d, size_t first)
{
    const size_t rows = d->n - first < net->chunk ? d->n - first : net->chunk, classes = outputs_of(net);
    net->first = first;
    return (struct dataset){ .n = rows,
                             .width = d->width,
                             .token = d->token ? d->token + first * d->width : NULL,
                             .x_real = d->x_real ? (const real *)d->x_real + first * d->width : NULL,
                             .label = d->label ? d->label + first : NULL,
                             .target = d->target ? d->target + first * classes : NULL };
}

static void forward_chunk(struct net *net, const struct dataset *d)
{
    net->value[0].half[NET_CHUNK].out = (real *)d->x_real; /* read alone; symbols have none */
    for (size_t i = 0; i < net->views; i++)
        if (net->view[i].of == NET_EXAMPLES) view_rows(net, &net->view[i], d);
    place_blocks(net, NET_CHUNK, d->n);
    forward_half(net, NET_CHUNK, d->n);
}

static void backward_chunk(struct net *net, size_t examples, real *gradient)
{
    clear_half(net, NET_CHUNK, examples);
    backward_half(net, NET_CHUNK, examples, gradient);
}

static struct net_half_value *last(struct net *net)
{
    return &net->value[net->plan.last].half[NET_CHUNK];
}

/* The last value to columns first, first + 1, ... of logits (outputs, n). */
static void put_logits(struct net *net, real *logits, size_t first, size_t rows, size_t n)
{
    const size_t outputs = outputs_of(net);
    const real *out = last(net)->out;
    if (out == logits) return;
    if (!net->turned)
        transpose_lines(logits + first, out,
                        &(const struct transpose){ rows, outputs, .out_line = n, .in_line = outputs });
    for (size_t o = 0; o < outputs && net->turned; o++)
        memcpy(logits + o * n + first, out + o * rows, rows * sizeof *out);
}

/* Columns first, first + 1, ... of dlogits (outputs, n) to the gradient of the last value. */
static void take_slopes(struct net *net, const real *dlogits, size_t first, size_t rows, size_t n)
{
    const size_t outputs = outputs_of(net);
    if (!net->turned)
        transpose_lines(last(net)->dout, dlogits + first,
                        &(const struct transpose){ outputs, rows, .out_line = outputs, .in_line = n });
    for (size_t o = 0; o < outputs && net->turned; o++)
        memcpy(last(net)->dout + o * rows, dlogits + o * n + first, rows * sizeof *dlogits);
}

/* ---- whole data sets ---- */

CLONES static void multiply(real *x, real by, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] *= by;
}

static struct dataset in_order(const struct net *net, const struct dataset *d)
{
    return net->order ? net_arrange(net, d) : *d;
}

void net_forward(struct net *net, const struct dataset *given, real *logits)
{
    const struct dataset data = in_order(net, given), *d = &data;
    make_tables(net, d);
    for (size_t first = 0; first < d->n; first += net->chunk) {
        const struct dataset part = slice(net, d, first);
        if (net->turned && part.n == d->n) last(net)->out = logits;
        if (net->order) last(net)->out = net->order->rows + first * outputs_of(net);
        forward_chunk(net, &part);
        if (!net->order) put_logits(net, logits, first, part.n, d->n);
        last(net)->out = last(net)->room;
    }
    if (net->order) net_arrange_logits(net, logits, d->n);
}

/* Nothing is kept from forward: a chunk is computed again. */
void net_backward(struct net *net, const struct dataset *given, const real *dlogits, real *gradient)
{
    const struct dataset data = in_order(net, given), *d = &data;
    if (net->order) net_arrange_slopes(net, dlogits, d->n);
    open_tables(net, d, gradient);
    for (size_t first = 0; first < d->n; first += net->chunk) {
        const struct dataset part = slice(net, d, first);
        forward_chunk(net, &part);
        if (net->order)
            memcpy(last(net)->dout, net->order->rows + first * outputs_of(net),
                   part.n * outputs_of(net) * sizeof *dlogits);
        else
            take_slopes(net, dlogits, first, part.n, d->n);
        backward_chunk(net, part.n, gradient);
    }
    close_tables(net, gradient);
}

struct loss_value net_learn(struct net *net, const struct dataset *given, const struct loss *loss,
                            const struct model_step *step, real *logits, real *gradient)
{
    const struct dataset data = in_order(net, given), *d = &data;
    const size_t outputs = outputs_of(net);
    struct loss_value whole = { 0, 0 }; /* sums */
    MUST(!net->whole || d->n <= net->chunk);
    net->training = step;
    open_tables(net, d, gradient);
    for (size_t first = 0; first < d->n; first += net->chunk) {
        const struct dataset part = slice(net, d, first);
        const size_t rows = part.n;
        const real share = (real)((double)rows / (double)d->n); /* of the chunk's mean in that of all */
        forward_chunk(net, &part);
        if (logits && net->order)
            memcpy(net->order->rows + first * outputs, last(net)->out, rows * outputs * sizeof *logits);
        else if (logits)
            put_logits(net, logits, first, rows, d->n);
        real *slopes = net->turned ? last(net)->dout : net->logits; /* the logits until the loss is known */
        if (!net->turned) put_logits(net, slopes, 0, rows, rows);
        const struct loss_value v = loss_gradient(loss, slopes, &part, outputs);
        whole.loss += v.loss * (double)rows;
        whole.accuracy += round(v.accuracy * (double)rows);
        if (rows < d->n) multiply(slopes, share, rows * outputs);
        if (!net->turned) take_slopes(net, slopes, 0, rows, rows);
        backward_chunk(net, rows, gradient);
    }
    close_tables(net, gradient);
    if (logits && net->order) net_arrange_logits(net, logits, d->n);
    net->training = NULL;
    return (struct loss_value){ whole.loss / (double)d->n, whole.accuracy / (double)d->n };
}
