#include "model/lstm.h"

#include "base/text.h"
#include "model/lstm_private.h"
#include "num/blas.h"
#include "num/real.h"
#include "num/transpose.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct field fields[] = {
    FIELD_NUMBER(lstm_config, d_embed, INT, "64", "[1, 65536]", "1", "width of the embedding"),
    FIELD_NUMBER(lstm_config, d_hidden, INT, "128", "[1, 65536]", "1", "width of the states of each layer"),
    FIELD_NUMBER(lstm_config, layers, INT, "2", "[1, 8]", "1", "layers; each reads the states of the one below"),
    FIELD_NUMBER(lstm_config, init_scale, REAL, "1", "(0, 1000]", "1",
                 "factor on every initial weight and bias (alpha of Liu et al. 2210.01117)"),
    FIELD_END,
};

/* ---- tensors ---- */

static struct tensor *add_uniform(struct layout *l, const char *name, double bound, int64_t rows, int64_t columns)
{
    struct tensor *t = LAYOUT_ADD(l, name, bound / sqrt(3), rows, columns);
    t->draw = DRAW_UNIFORM;
    return t;
}

static void add_bias(struct layout *l, const char *name, double bound, int64_t size)
{
    add_uniform(l, name, bound, size, 0)->prunable = false;
}

static void layer_name(char out[LAYOUT_NAME], const char *what, int64_t layer)
{
    MUST(text_print(out, LAYOUT_NAME, "lstm.%s_l%d", what, (int)layer));
}

static int layout(const void *config, const struct task_shape *shape, struct layout *out, struct err *e)
{
    const struct lstm_config *c = config;
    if (shape->vocabulary == 0)
        return err_set(e, ERR_SPEC, "model lstm needs a task on symbols; this task gives numbers");
    const double bound = c->init_scale / sqrt((double)c->d_hidden);
    LAYOUT_ADD(out, "embedding.weight", c->init_scale, shape->vocabulary, c->d_embed);
    for (int64_t l = 0; l < c->layers; l++) {
        char name[LAYOUT_NAME];
        layer_name(name, "weight_ih", l);
        add_uniform(out, name, bound, 4 * c->d_hidden, l ? c->d_hidden : c->d_embed);
        layer_name(name, "weight_hh", l);
        add_uniform(out, name, bound, 4 * c->d_hidden, c->d_hidden);
        layer_name(name, "bias_ih", l);
        add_bias(out, name, bound, 4 * c->d_hidden);
        layer_name(name, "bias_hh", l);
        add_bias(out, name, bound, 4 * c->d_hidden);
    }
    add_uniform(out, "fc.weight", bound, shape->classes, c->d_hidden);
    add_bias(out, "fc.bias", bound, shape->classes);
    return 0;
}

/* ---- scratch ---- */

/* A chunk holds at least LEAST examples, at most MOST, and otherwise as many as MEMORY has room for: an example of
 * 500 tokens that shares nothing takes 3.75 MiB with the default widths.  More would not be faster. */
enum { LEAST = 8, MOST = 128, MEMORY = 256 << 20 };

static void set_sizes(struct net *net, const struct task_shape *shape, size_t max_batch)
{
    const size_t row = (net->layers * 7 + 1) * net->h * sizeof(real), least = LEAST < max_batch ? LEAST : max_batch;
    net->most = MOST < max_batch ? MOST : max_batch;
    net->capacity = MEMORY / row;
    if (net->capacity > 1 + net->most * shape->width) net->capacity = 1 + net->most * shape->width;
    if (net->capacity < 1 + least * shape->width) net->capacity = 1 + least * shape->width;
}

static void open_layer(struct net *net, size_t index, const struct layout *l, struct arena *a)
{
    struct lstm_layer *layer = &net->layer[index];
    const size_t h = net->h, rows = net->capacity;
    layer->W_ih = lstm_tensor(l, W_IH, index);
    layer->W_hh = lstm_tensor(l, W_HH, index);
    layer->b_ih = lstm_tensor(l, B_IH, index);
    layer->b_hh = lstm_tensor(l, B_HH, index);
    layer->inputs = index ? h : net->e;
    if (index) layer->into = ARENA_NEW(a, layer->inputs * 4 * h, real);
    layer->again = ARENA_NEW(a, h * 4 * h, real);
    layer->bias = ARENA_NEW(a, 4 * h, real);
    layer->gates = ARENA_NEW(a, rows * 4 * h, real);
    layer->state = ARENA_NEW(a, rows * h, real);
    layer->out = ARENA_NEW(a, rows * h, real);
    layer->before = ARENA_NEW(a, rows * h, real);
}

static struct net *open(const void *config, const struct layout *l, const struct task_shape *shape, size_t max_batch,
                        struct arena *a)
{
    const struct lstm_config *c = config;
    struct net *net = ARENA_NEW(a, 1, struct net);
    *net = (struct net){ .p = (size_t)shape->vocabulary,
                         .width = shape->width,
                         .e = (size_t)c->d_embed,
                         .h = (size_t)c->d_hidden,
                         .layers = (size_t)c->layers,
                         .c = (size_t)shape->classes,
                         .embedding = layout_find(l, "embedding.weight"),
                         .W_fc = layout_find(l, "fc.weight"),
                         .b_fc = layout_find(l, "fc.bias") };
    set_sizes(net, shape, max_batch);
    for (size_t i = 0; i < net->layers; i++) open_layer(net, i, l, a);
    net->table = ARENA_NEW(a, net->p * 4 * net->h, real);
    net->dtable = ARENA_NEW(a, net->p * 4 * net->h, real);
    net->order = ARENA_NEW(a, max_batch, uint32_t);
    net->shared = ARENA_NEW(a, max_batch, uint32_t);
    net->start = ARENA_NEW(a, net->width + 1, size_t);
    net->parent = ARENA_NEW(a, net->capacity, uint32_t);
    net->symbol = ARENA_NEW(a, net->capacity, uint32_t);
    net->row = ARENA_NEW(a, net->most, uint32_t);
    net->dout = ARENA_NEW(a, net->capacity * net->h, real);
    net->dbefore = ARENA_NEW(a, net->most * net->h, real);
    net->dstate = ARENA_NEW(a, net->most * net->h, real);
    net->dearlier = ARENA_NEW(a, net->most * net->h, real);
    net->Y = ARENA_NEW(a, net->most * net->c, real);
    net->ones = ARENA_NEW(a, net->capacity > net->p ? net->capacity : net->p, real);
    for (size_t i = 0; i < net->capacity || i < net->p; i++) net->ones[i] = 1;
    return net;
}

/* ---- forward ---- */

static void repeat(real *out, const real *row, size_t rows, size_t size)
{
    for (size_t r = 0; r < rows; r++) memcpy(out + r * size, row, size * sizeof *out);
}

static void turn(real *out, const real *in, size_t rows, size_t columns)
{
    transpose_lines(
        out, in, &(const struct transpose){ .rows = rows, .columns = columns, .out_line = rows, .in_line = columns });
}

static void prepare(struct net *net, const real *theta)
{
    const size_t wide = 4 * net->h;
    net->theta = theta;
    net->count = 0;
    for (size_t i = 0; i < net->layers; i++) {
        const struct lstm_layer *l = &net->layer[i];
        for (size_t j = 0; j < wide; j++) l->bias[j] = theta[l->b_ih->offset + j] + theta[l->b_hh->offset + j];
        turn(l->again, theta + l->W_hh->offset, wide, net->h);
        if (i) turn(l->into, theta + l->W_ih->offset, wide, l->inputs);
    }
    repeat(net->table, net->layer[0].bias, net->p, wide);
    blas_gemm_nt(net->table, theta + net->embedding->offset, theta + net->layer[0].W_ih->offset, net->p, wide, net->e,
                 1);
}

static size_t rows_of(const struct net *net)
{
    return net->start[net->width];
}

/* What comes from below, for all rows. */
static void feed(const struct net *net, size_t layer)
{
    const struct lstm_layer *l = &net->layer[layer];
    const size_t wide = 4 * net->h, rows = rows_of(net);
    if (layer) {
        repeat(l->gates + wide, l->bias, rows - 1, wide);
        blas_gemm_nn(l->gates + wide, net->layer[layer - 1].out + net->h, l->into, rows - 1, wide, l->inputs, 1);
        return;
    }
    for (size_t r = 1; r < rows; r++)
        memcpy(l->gates + r * wide, net->table + net->symbol[r] * wide, wide * sizeof(real));
}

static void run_layer(const struct net *net, const struct lstm_layer *l)
{
    const size_t h = net->h;
    for (size_t t = 0; t < net->width; t++) {
        const size_t first = net->start[t], end = net->start[t + 1];
        for (size_t r = first; r < end; r++) memcpy(l->before + r * h, l->out + net->parent[r] * h, h * sizeof(real));
        if (t) blas_gemm_nn(l->gates + first * 4 * h, l->before + first * h, l->again, end - first, 4 * h, h, 1);
        lstm_cells(net, l, first, end);
    }
}

/* Logits of the rows of the last step. */
static void run_chunk(struct net *net, const struct dataset *d, size_t first)
{
    lstm_take(net, d, first);
    for (size_t i = 0; i < net->layers; i++) {
        feed(net, i);
        run_layer(net, &net->layer[i]);
    }
    const size_t last = net->start[net->width - 1], rows = rows_of(net) - last;
    repeat(net->Y, net->theta + net->b_fc->offset, rows, net->c);
    blas_gemm_nt(net->Y, net->layer[net->layers - 1].out + last * net->h, net->theta + net->W_fc->offset, rows,
                 net->c, net->h, 1);
}

static void forward(struct net *net, const struct dataset *d, real *logits)
{
    assert(d->width == net->width);
    lstm_arrange(net, d);
    for (size_t first = 0; first < d->n; first += net->count) {
        run_chunk(net, d, first);
        const size_t last = net->start[net->width - 1];
        for (size_t i = 0; i < net->count; i++)
            for (size_t k = 0; k < net->c; k++)
                logits[k * d->n + net->order[first + i]] = net->Y[(net->row[i] - last) * net->c + k];
    }
}

/* ---- backward ---- */

static void add_to(real *restrict out, const real *restrict in, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] += in[i];
}

/* From the logits to the last states, in dout; examples that are wholly alike share a row. */
static void start_back(struct net *net, const struct dataset *d, const real *dlogits, real *gradient)
{
    const size_t last = net->start[net->width - 1], rows = rows_of(net) - last, h = net->h, c = net->c;
    const real *out = net->layer[net->layers - 1].out + last * h;
    memset(net->Y, 0, rows * c * sizeof(real));
    for (size_t i = 0; i < net->count; i++)
        for (size_t k = 0; k < c; k++)
            net->Y[(net->row[i] - last) * c + k] += dlogits[k * d->n + net->order[net->first + i]];
    memset(net->dout, 0, last * h * sizeof(real));
    blas_gemm_tn(gradient + net->W_fc->offset, net->Y, out, c, h, rows, 1);
    blas_gemm_tn(gradient + net->b_fc->offset, net->ones, net->Y, 1, c, rows, 1);
    blas_gemm_nn(net->dout + last * h, net->Y, net->theta + net->W_fc->offset, rows, h, c, 0);
}

/* dout (by all outputs of the layer) -> gates (by what was squashed). */
static void run_layer_back(struct net *net, const struct lstm_layer *l)
{
    const size_t h = net->h;
    memset(net->dstate, 0, net->most * h * sizeof(real));
    for (size_t t = net->width; t-- > 0;) {
        const size_t first = net->start[t], end = net->start[t + 1];
        lstm_cells_back(net, l, first, end);
        if (t == 0) break;
        blas_gemm_nn(net->dbefore, l->gates + first * 4 * h, net->theta + l->W_hh->offset, end - first, h, 4 * h, 0);
        const size_t base = net->start[t - 1];
        memset(net->dearlier, 0, (first - base) * h * sizeof(real));
        for (size_t r = first; r < end; r++) {
            add_to(net->dout + net->parent[r] * h, net->dbefore + (r - first) * h, h);
            add_to(net->dearlier + (net->parent[r] - base) * h, net->dstate + (r - first) * h, h);
        }
        real *const swap = net->dstate;
        net->dstate = net->dearlier;
        net->dearlier = swap;
    }
}

/* gates -> the layer's weights, and dout of the one below or the tables. */
static void collect(struct net *net, size_t layer, real *gradient)
{
    const struct lstm_layer *l = &net->layer[layer];
    const size_t h = net->h, wide = 4 * h, rows = rows_of(net);
    const real *dgates = l->gates + wide;
    blas_gemm_tn(gradient + l->W_hh->offset, dgates, l->before + h, wide, h, rows - 1, 1);
    if (layer == 0) {
        for (size_t r = 1; r < rows; r++) add_to(net->dtable + net->symbol[r] * wide, l->gates + r * wide, wide);
        return;
    }
    blas_gemm_tn(gradient + l->b_ih->offset, net->ones, dgates, 1, wide, rows - 1, 1);
    blas_gemm_tn(gradient + l->W_ih->offset, dgates, net->layer[layer - 1].out + h, wide, l->inputs, rows - 1, 1);
    blas_gemm_nn(net->dout + h, dgates, net->theta + l->W_ih->offset, rows - 1, l->inputs, wide, 0);
}

static void chunk_back(struct net *net, const struct dataset *d, const real *dlogits, real *gradient)
{
    start_back(net, d, dlogits, gradient);
    for (size_t i = net->layers; i-- > 0;) {
        run_layer_back(net, &net->layer[i]);
        collect(net, i, gradient);
    }
}

/* The chunk that forward saw last is still there; the others are made again. */
static void backward(struct net *net, const struct dataset *d, const real *dlogits, real *gradient)
{
    const struct lstm_layer *bottom = &net->layer[0];
    const size_t wide = 4 * net->h, held = net->first;
    memset(gradient, 0, (net->b_fc->offset + net->b_fc->size) * sizeof(real));
    memset(net->dtable, 0, net->p * wide * sizeof(real));
    chunk_back(net, d, dlogits, gradient);
    for (size_t first = 0; first < held; first += net->count) {
        run_chunk(net, d, first);
        chunk_back(net, d, dlogits, gradient);
    }
    blas_gemm_nn(gradient + net->embedding->offset, net->dtable, net->theta + bottom->W_ih->offset, net->p, net->e,
                 wide, 0);
    blas_gemm_tn(gradient + bottom->W_ih->offset, net->dtable, net->theta + net->embedding->offset, wide, net->e,
                 net->p, 0);
    blas_gemm_tn(gradient + bottom->b_ih->offset, net->ones, net->dtable, 1, wide, net->p, 0);
    for (size_t i = 0; i < net->layers; i++)
        memcpy(gradient + net->layer[i].b_hh->offset, gradient + net->layer[i].b_ih->offset, wide * sizeof(real));
}

const struct model_kind REAL_NAME(model_lstm) = {
    .kind = { .name = "lstm",
              .summary = "embedding, LSTM layers, and a linear map of the last state",
              .source =
                  "Hochreiter and Schmidhuber (Neural Computation 9, 1997) in PyTorch's form and initialisation; "
                  "as Liu et al. (arXiv 2210.01117) and Minegishi et al. (2310.19470) use it on IMDb",
              .fields = fields,
              .config_size = sizeof(struct lstm_config) },
    .layout = layout,
    .open = open,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .plain = lstm_plain,
    .dual = lstm_dual,
};
