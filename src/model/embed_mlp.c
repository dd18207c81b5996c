#include "model/embed_mlp.h"

#include "base/text.h"
#include "model/activation.h"
#include "model/model.h"
#include "num/blas.h"
#include "num/clones.h"
#include "num/real.h"
#include "num/sparse.h"
#include "num/transpose.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LAYERS = 16 };

static const struct field fields[] = {
    FIELD_NUMBER(embed_mlp_config, d_embed, INT, "500", "[1, 65536]", "1",
                 "width of the embedding and of the unembedding"),
    FIELD_NUMBER(embed_mlp_config, d_hidden, INT, "48", "[1, 65536]", "1", "neurons of each hidden layer"),
    FIELD_NUMBER(embed_mlp_config, layers, INT, "1", "[1, 16]", "1",
                 "hidden layers; the second and later ones have weights W_h2, W_h3, ..."),
    FIELD_CHOSEN(embed_mlp_config, activation, CHOICE, "relu", activation_name, "nonlinearity of the hidden layers"),
    FIELD_NUMBER(embed_mlp_config, init_scale, REAL, "1", "(0, 1000]", "1",
                 "factor on every initial weight (kappa of Kumar et al. 2310.06110)"),
    FIELD_END,
};

/* U = (W_inproj W_E)' holds a row for each symbol, G = W_U' W_outproj for each class: the network between two lookups
 * is G act(U[a] + U[b]) ..., and d_embed appears only in products whose size does not depend on the data. */
struct fold {
    size_t rows;                      /* of the table: symbols or classes */
    const struct tensor *wide, *thin; /* (d, rows); (d, h), but W_inproj stands transposed */
    bool turned;
    real *table, *dtable;      /* (rows, h) */
    struct sparse row, column; /* of wide, and of its transpose; unused unless masked */
    bool masked;
    real *copy, *dcopy; /* (d, h): of thin where it is turned and wide is masked */
};

struct net {
    const struct activation_kind *act;
    size_t d, h, layers; /* d_embed, d_hidden */
    struct fold U, G;
    const struct tensor *W_h; /* W_h2; W_h3 and so on stand behind it */
    const real *theta;        /* bound by prepare                     */
    real *hidden[LAYERS];     /* (n, h): outputs of the layers        */
    real *input[LAYERS];      /* (n, h): what act->chain looks at     */
    real *dhidden, *dspare;   /* (n, h)                               */
};

static int layout(const void *config, const struct task_shape *shape, struct layout *out, struct err *e)
{
    const struct embed_mlp_config *c = config;
    if (shape->vocabulary == 0)
        return err_set(e, ERR_SPEC, "model embed_mlp needs a task on symbols; this task gives numbers");
    double scale = c->init_scale, d = (double)c->d_embed, h = (double)c->d_hidden, p = (double)shape->vocabulary;
    LAYOUT_ADD(out, "W_E", scale / sqrt(p), c->d_embed, shape->vocabulary);
    LAYOUT_ADD(out, "W_inproj", scale / sqrt(d), c->d_hidden, c->d_embed);
    for (int l = 2; l <= c->layers; l++) {
        char name[LAYOUT_NAME];
        MUST(text_print(name, sizeof name, "W_h%d", l));
        LAYOUT_ADD(out, name, scale / sqrt(h), c->d_hidden, c->d_hidden);
    }
    LAYOUT_ADD(out, "W_outproj", scale / sqrt(h), c->d_embed, c->d_hidden);
    LAYOUT_ADD(out, "W_U", scale / sqrt(d), c->d_embed, shape->classes);
    return 0;
}

static struct fold fold_open(const struct tensor *wide, const struct tensor *thin, bool turned, size_t h,
                             struct arena *a)
{
    const size_t rows = (size_t)wide->dim[1];
    return (struct fold){ .rows = rows,
                          .wide = wide,
                          .thin = thin,
                          .turned = turned,
                          .table = ARENA_NEW(a, rows * h, real),
                          .dtable = ARENA_NEW(a, rows * h, real) };
}

static struct net *open(const void *config, const struct layout *l, const struct task_shape *shape, size_t max_batch,
                        struct arena *a)
{
    const struct embed_mlp_config *cfg = config;
    struct net *net = ARENA_NEW(a, 1, struct net);
    const size_t h = (size_t)cfg->d_hidden, n = max_batch;
    (void)shape;
    *net = (struct net){ .act = &activation_kinds[cfg->activation],
                         .d = (size_t)cfg->d_embed,
                         .h = h,
                         .layers = (size_t)cfg->layers,
                         .U = fold_open(layout_find(l, "W_E"), layout_find(l, "W_inproj"), true, h, a),
                         .G = fold_open(layout_find(l, "W_U"), layout_find(l, "W_outproj"), false, h, a),
                         .W_h = layout_find(l, "W_h2"),
                         .dhidden = ARENA_NEW(a, n * h, real),
                         .dspare = ARENA_NEW(a, n * h, real) };
    for (size_t i = 0; i < net->layers; i++) {
        net->hidden[i] = ARENA_NEW(a, n * h, real);
        net->input[i] = net->act->from_input ? ARENA_NEW(a, n * h, real) : net->hidden[i];
    }
    return net;
}

/* Skip when less than this part of W_E or W_U is kept.  Of 500 x 67 weights with d_hidden = 48, on a Zen 5 core,
 * dense fold and unfold take 51 us; sparse ones 48 with 0.6 kept, 41 with 0.5, 35 with 0.4, 14 with 0.1. */
static const double SPARSE_BELOW = 0.5;

static void fold_hold(struct fold *f, const uint8_t *mask, size_t d, size_t h, struct arena *a)
{
    size_t kept = 0;
    mask += f->wide->offset;
    for (size_t i = 0; i < f->wide->size; i++) kept += mask[i] != 0;
    f->masked = sparse_fits(h) && (double)kept < SPARSE_BELOW * (double)f->wide->size;
    if (!f->masked) return;
    const struct sparse row = { .rows = d, .columns = f->rows, .row_step = f->rows, .column_step = 1 };
    const struct sparse column = { .rows = f->rows, .columns = d, .row_step = 1, .column_step = f->rows };
    f->row = sparse_open(row, mask, a);
    f->column = sparse_open(column, mask, a);
    if (!f->turned) return;
    f->copy = ARENA_NEW(a, d * h, real);
    f->dcopy = ARENA_NEW(a, d * h, real);
}

static void hold(struct net *net, const uint8_t *mask, struct arena *a)
{
    fold_hold(&net->U, mask, net->d, net->h, a);
    fold_hold(&net->G, mask, net->d, net->h, a);
}

static void turn(real *restrict out, const real *restrict in, size_t rows, size_t columns)
{
    transpose_lines(out, in, &(const struct transpose){ rows, columns, .out_line = rows, .in_line = columns });
}

static void fold(struct fold *f, const real *theta, size_t d, size_t h)
{
    const real *wide = theta + f->wide->offset, *thin = theta + f->thin->offset;
    if (f->masked) {
        if (f->turned) turn(f->copy, thin, h, d);
        sparse_multiply(f->table, &f->column, wide, f->turned ? f->copy : thin, h);
    } else
        (f->turned ? blas_gemm_tt : blas_gemm_tn)(f->table, wide, thin, f->rows, h, d, 0);
}

/* From dtable, the gradients of the two that were multiplied. */
static void unfold(const struct fold *f, const real *theta, real *gradient, size_t d, size_t h)
{
    const real *wide = theta + f->wide->offset, *thin = theta + f->thin->offset;
    real *dwide = gradient + f->wide->offset, *dthin = gradient + f->thin->offset;
    if (f->masked) {
        sparse_gradient(f->turned ? f->dcopy : dthin, dwide, &f->row, wide, f->turned ? f->copy : thin, f->dtable, h);
        if (f->turned) turn(dthin, f->dcopy, d, h);
    } else if (f->turned) {
        blas_gemm_tt(dwide, thin, f->dtable, d, f->rows, h, 0);
        blas_gemm_tt(dthin, f->dtable, wide, h, d, f->rows, 0);
    } else {
        blas_gemm_nt(dwide, thin, f->dtable, d, f->rows, h, 0);
        blas_gemm_nn(dthin, wide, f->dtable, d, h, f->rows, 0);
    }
}

static void prepare(struct net *net, const real *theta)
{
    net->theta = theta;
    fold(&net->U, theta, net->d, net->h);
    fold(&net->G, theta, net->d, net->h);
}

/* out (n, h): row i is the sum of the rows of U that example i names. */
CLONES static void gather(real *restrict out, const real *restrict U, const struct dataset *d, size_t h)
{
    for (size_t i = 0; i < d->n; i++, out += h) {
        const int32_t *token = d->token + i * d->width;
        const real *u = U + (size_t)token[0] * h;
        for (size_t j = 0; j < h; j++) out[j] = u[j];
        for (size_t w = 1; w < d->width; w++) {
            u = U + (size_t)token[w] * h;
            for (size_t j = 0; j < h; j++) out[j] += u[j];
        }
    }
}

/* The transpose of gather: examples in order, so that the sums have one order. */
CLONES static void scatter(real *restrict dU, const real *restrict dout, const struct dataset *d, size_t h)
{
    for (size_t i = 0; i < d->n; i++, dout += h)
        for (size_t w = 0; w < d->width; w++) {
            real *du = dU + (size_t)d->token[i * d->width + w] * h;
            for (size_t j = 0; j < h; j++) du[j] += dout[j];
        }
}

static void activate(struct net *net, size_t layer, size_t n)
{
    if (net->input[layer] != net->hidden[layer])
        memcpy(net->input[layer], net->hidden[layer], n * net->h * sizeof(real));
    net->act->apply(net->hidden[layer], n * net->h);
}

static size_t hidden_offset(const struct net *net, size_t layer)
{
    return net->W_h[layer - 1].offset;
}

/* Every layer, in net->hidden. */
static void hide(struct net *net, const struct dataset *d)
{
    size_t n = d->n, h = net->h;
    gather(net->hidden[0], net->U.table, d, h);
    activate(net, 0, n);
    for (size_t l = 1; l < net->layers; l++) {
        blas_gemm_nt(net->hidden[l], net->hidden[l - 1], net->theta + hidden_offset(net, l), n, h, h, 0);
        activate(net, l, n);
    }
}

static void forward(struct net *net, const struct dataset *d, real *logits)
{
    hide(net, d);
    blas_gemm_nt(logits, net->G.table, net->hidden[net->layers - 1], net->G.rows, d->n, net->h, 0);
}

static void hidden(struct net *net, const struct dataset *d, real *out)
{
    hide(net, d);
    turn(out, net->hidden[net->layers - 1], d->n, net->h);
}

static void backward(struct net *net, const struct dataset *d, const real *dlogits, real *gradient)
{
    size_t n = d->n, h = net->h, last = net->layers - 1;
    blas_gemm_nn(net->G.dtable, dlogits, net->hidden[last], net->G.rows, h, n, 0);
    blas_gemm_tn(net->dhidden, dlogits, net->G.table, n, h, net->G.rows, 0);
    for (size_t l = last;; l--) {
        net->act->chain(net->dhidden, net->input[l], n * h);
        if (l == 0) break;
        blas_gemm_tn(gradient + hidden_offset(net, l), net->dhidden, net->hidden[l - 1], h, h, n, 0);
        blas_gemm_nn(net->dspare, net->dhidden, net->theta + hidden_offset(net, l), n, h, h, 0);
        real *swap = net->dhidden;
        net->dhidden = net->dspare;
        net->dspare = swap;
    }
    memset(net->U.dtable, 0, net->U.rows * h * sizeof(real));
    scatter(net->U.dtable, net->dhidden, d, h);
    unfold(&net->U, net->theta, gradient, net->d, h);
    unfold(&net->G, net->theta, gradient, net->d, h);
}

static const struct model_symbols symbols = { "W_E", "W_inproj", "W_outproj", "W_U" };

const struct model_kind REAL_NAME(model_embed_mlp) = {
    .kind = { .name = "embed_mlp",
              .summary = "symbols are embedded, summed, and passed through a small MLP; no biases",
              .source = "Minegishi et al. (arXiv 2310.19470); OnlyMLP of the published code",
              .fields = fields,
              .config_size = sizeof(struct embed_mlp_config) },
    .symbols = &symbols,
    .layout = layout,
    .open = open,
    .hold = hold,
    .prepare = prepare,
    .forward = forward,
    .hidden = hidden,
    .backward = backward,
    .plain = embed_mlp_plain,
    .dual = embed_mlp_dual,
};
