#include "net/run.h"

#include "net/net.h"
#include "net/operation.h"
#include "num/clones.h"
#include "num/real.h"
#include "num/transpose.h"

#include <string.h>

/* Examples of a chunk: MOST of them, or fewer, LEAST at least, where their values and gradients take more than
 * MEMORY. It depends on the network alone. */
enum { MOST = 128, LEAST = 8, MEMORY = 256 << 20 };

/* What a node makes of the chunk. */
struct value {
    real *out, *dout; /* (live positions, examples, columns); NULL: symbols; numbers of the data set are not copied */
    size_t columns, readers;
    bool asked; /* has it, or what it is made of, a gradient that anybody wants? */
};

struct net {
    struct net_graph graph;
    const struct layout *layout;
    size_t chunk, inputs; /* inputs: of any node, at most */
    struct value *value;
    struct net_step *step;
    const real **in; /* [inputs], of the node at work, as what follows */
    real **din, **spare;
    size_t *columns;
    real *logits; /* (outputs, chunk) */
    const real *theta;
};

/* ---- scratch ---- */

static size_t numbers_of(const struct net_node *n)
{
    return n->out.form == NET_SYMBOLS ? 0 : n->live.count * n->out.columns;
}

static size_t kept_by(const struct net_node *n, size_t rows)
{
    const struct net_operation *op = net_operations[n->op];
    return op->keeps ? op->keeps(n, rows) : 0;
}

static size_t chunk_of(const struct net_graph *g, size_t max_batch)
{
    size_t chunk = MOST;
    for (; chunk > LEAST; chunk /= 2) {
        size_t numbers = 0;
        for (int i = 1; i < g->nodes; i++)
            if (g->node[i].live.count) numbers += 2 * chunk * numbers_of(&g->node[i]) + kept_by(&g->node[i], chunk);
        if (numbers * sizeof(real) <= MEMORY) break;
    }
    return chunk < max_batch ? chunk : max_batch;
}

static void count_readers(struct net *net)
{
    const struct net_graph *g = &net->graph;
    for (int i = 0; i < g->nodes; i++) {
        const struct net_node *n = &g->node[i];
        struct value *v = &net->value[i];
        v->columns = n->out.columns;
        for (int k = 0; k < NET_TENSORS; k++) v->asked |= n->tensor[k] >= 0;
        for (int j = 0; j < n->inputs; j++) {
            v->asked |= net->value[n->input[j]].asked;
            if (n->live.count) net->value[n->input[j]].readers++;
        }
        if ((size_t)n->inputs > net->inputs) net->inputs = (size_t)n->inputs;
    }
}

static void open_values(struct net *net, struct arena *a)
{
    const struct net_graph *g = &net->graph;
    size_t shared = 0; /* numbers of the largest value that several read */
    for (int i = 0; i < g->nodes; i++) {
        const struct net_node *n = &g->node[i];
        struct value *v = &net->value[i];
        const size_t numbers = numbers_of(n) * net->chunk;
        if (i == 0 || !numbers) continue;
        v->out = ARENA_NEW(a, numbers, real);
        if (v->asked) v->dout = ARENA_NEW(a, numbers, real);
        if (v->asked && v->readers > 1 && numbers > shared) shared = numbers;
        net->step[i].kept = ARENA_NEW(a, kept_by(n, net->chunk), real);
    }
    net->in = ARENA_NEW(a, net->inputs, const real *);
    net->din = ARENA_NEW(a, net->inputs, real *);
    net->spare = ARENA_NEW(a, net->inputs, real *);
    net->columns = ARENA_NEW(a, net->inputs, size_t);
    for (size_t j = 0; j < net->inputs; j++) net->spare[j] = ARENA_NEW(a, shared, real);
}

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
    net->chunk = chunk_of(&net->graph, max_batch);
    net->value = ARENA_NEW(a, (size_t)net->graph.nodes, struct value);
    net->step = ARENA_NEW(a, (size_t)net->graph.nodes, struct net_step);
    count_readers(net);
    open_values(net, a);
    net->logits = ARENA_NEW(a, net->chunk * (size_t)shape->classes, real);
    return net;
}

void net_prepare(struct net *net, const real *theta)
{
    net->theta = theta;
}

/* ---- one chunk ---- */

/* Examples first, first + 1, ... of d. */
static struct dataset slice(const struct dataset *d, size_t first, size_t rows, size_t classes)
{
    return (struct dataset){ .n = rows,
                             .width = d->width,
                             .token = d->token ? d->token + first * d->width : NULL,
                             .x_real = d->x_real ? (const real *)d->x_real + first * d->width : NULL,
                             .label = d->label ? d->label + first : NULL,
                             .target = d->target ? d->target + first * classes : NULL };
}

/* Numbers between the first live position of a value and the first that node n needs of it. */
static size_t offset(const struct net *net, const struct net_node *n, int input, size_t rows)
{
    return (n->need.first - net->graph.node[input].live.first) * rows * net->value[input].columns;
}

static struct net_step *step_of(struct net *net, int i, const struct dataset *d)
{
    const struct net_node *n = &net->graph.node[i];
    struct net_step *s = &net->step[i];
    for (int j = 0; j < n->inputs; j++) {
        const struct value *v = &net->value[n->input[j]];
        net->columns[j] = v->columns;
        net->in[j] = v->out ? v->out + offset(net, n, n->input[j], d->n) : NULL;
    }
    *s = (struct net_step){ .node = n,
                            .data = d,
                            .rows = d->n,
                            .inputs = (size_t)n->inputs,
                            .columns = net->columns,
                            .in = net->in,
                            .din = net->din,
                            .out = net->value[i].out,
                            .dout = net->value[i].dout,
                            .theta = net->theta,
                            .kept = s->kept };
    return s;
}

static void run_forward(struct net *net, const struct dataset *d)
{
    net->value[0].out = (real *)d->x_real; /* read alone; symbols have none */
    for (int i = 1; i < net->graph.nodes; i++) {
        const struct net_node *n = &net->graph.node[i];
        if (n->live.count && n->out.form != NET_SYMBOLS) net_operations[n->op]->forward(step_of(net, i, d));
    }
}

CLONES static void add(real *restrict out, const real *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] += x[i];
}

/* One reader writes a value's gradient, several add to it. */
static void node_backward(struct net *net, int i, const struct dataset *d, real *gradient)
{
    const struct net_node *n = &net->graph.node[i];
    struct net_step *s = step_of(net, i, d);
    s->gradient = gradient;
    for (int j = 0; j < n->inputs; j++) {
        const struct value *v = &net->value[n->input[j]];
        net->din[j] = !v->asked ? NULL : v->readers > 1 ? net->spare[j] : v->dout;
    }
    net_operations[n->op]->backward(s);
    for (int j = 0; j < n->inputs; j++) {
        const struct value *v = &net->value[n->input[j]];
        if (v->asked && v->readers > 1)
            add(v->dout + offset(net, n, n->input[j], d->n), net->spare[j], n->need.count * d->n * v->columns);
    }
}

/* From the gradient of the last value. */
static void run_backward(struct net *net, const struct dataset *d, real *gradient)
{
    const struct net_graph *g = &net->graph;
    for (int i = 1; i < g->nodes - 1; i++) {
        const struct value *v = &net->value[i];
        if (v->dout && v->readers > 1) memset(v->dout, 0, numbers_of(&g->node[i]) * d->n * sizeof(real));
    }
    for (int i = g->nodes - 1; i > 0; i--)
        if (net->value[i].asked && g->node[i].live.count) node_backward(net, i, d, gradient);
}

/* ---- whole data sets ---- */

static struct value *last(struct net *net)
{
    return &net->value[net->graph.nodes - 1];
}

/* The last value to columns first, first + 1, ... of logits (outputs, n). */
static void put_logits(struct net *net, real *logits, size_t first, size_t rows, size_t n)
{
    transpose_lines(
        logits + first, last(net)->out,
        &(const struct transpose){ rows, last(net)->columns, .out_line = n, .in_line = last(net)->columns });
}

void net_forward(struct net *net, const struct dataset *d, real *logits)
{
    for (size_t first = 0; first < d->n; first += net->chunk) {
        const size_t rows = d->n - first < net->chunk ? d->n - first : net->chunk;
        const struct dataset part = slice(d, first, rows, last(net)->columns);
        run_forward(net, &part);
        put_logits(net, logits, first, rows, d->n);
    }
}

/* Nothing is kept from forward: a chunk is computed again. */
void net_backward(struct net *net, const struct dataset *d, const real *dlogits, real *gradient)
{
    const size_t outputs = last(net)->columns;
    memset(gradient, 0, net->layout->n * sizeof *gradient);
    for (size_t first = 0; first < d->n && last(net)->dout; first += net->chunk) {
        const size_t rows = d->n - first < net->chunk ? d->n - first : net->chunk;
        const struct dataset part = slice(d, first, rows, outputs);
        run_forward(net, &part);
        transpose_lines(last(net)->dout, dlogits + first,
                        &(const struct transpose){ outputs, rows, .out_line = outputs, .in_line = d->n });
        run_backward(net, &part, gradient);
    }
}

void net_learn(struct net *net, const struct dataset *d, const struct loss *loss, real *logits, real *gradient)
{
    const size_t outputs = last(net)->columns;
    memset(gradient, 0, net->layout->n * sizeof *gradient);
    for (size_t first = 0; first < d->n; first += net->chunk) {
        const size_t rows = d->n - first < net->chunk ? d->n - first : net->chunk;
        const real share = (real)((double)rows / (double)d->n); /* of the chunk's mean in that of all */
        const struct dataset part = slice(d, first, rows, outputs);
        run_forward(net, &part);
        put_logits(net, logits, first, rows, d->n);
        put_logits(net, net->logits, 0, rows, rows);
        loss_gradient(loss, net->logits, &part, outputs);
        for (size_t i = 0; i < rows * outputs; i++) net->logits[i] *= share;
        if (!last(net)->dout) continue;
        transpose_lines(last(net)->dout, net->logits,
                        &(const struct transpose){ outputs, rows, .out_line = outputs, .in_line = rows });
        run_backward(net, &part, gradient);
    }
}
