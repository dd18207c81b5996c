#include "model/embed_mlp.h"

#include "model/activation.h"
#include "model/model.h"
#include "num/blas.h"
#include "num/clones.h"
#include "num/real.h"
#include "num/transpose.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LAYERS = 16 };

static const struct field fields[] = {
    { .key = "d_embed",
      .type = FIELD_INT,
      .offset = offsetof(struct embed_mlp_config, d_embed),
      .standard = "500",
      .range = "[1, 65536]",
      .unit = "1",
      .help = "width of the embedding and of the unembedding" },
    { .key = "d_hidden",
      .type = FIELD_INT,
      .offset = offsetof(struct embed_mlp_config, d_hidden),
      .standard = "48",
      .range = "[1, 65536]",
      .unit = "1",
      .help = "neurons of each hidden layer" },
    { .key = "layers",
      .type = FIELD_INT,
      .offset = offsetof(struct embed_mlp_config, layers),
      .standard = "1",
      .range = "[1, 16]",
      .unit = "1",
      .help = "hidden layers; the second and later ones have weights W_h2, W_h3, ..." },
    { .key = "activation",
      .type = FIELD_CHOICE,
      .offset = offsetof(struct embed_mlp_config, activation),
      .standard = "relu",
      .choices = activation_name,
      .unit = "",
      .help = "nonlinearity of the hidden layers" },
    { .key = "init_scale",
      .type = FIELD_REAL,
      .offset = offsetof(struct embed_mlp_config, init_scale),
      .standard = "1",
      .range = "(0, 1000]",
      .unit = "1",
      .help = "factor on every initial weight (kappa of Kumar et al. 2310.06110)" },
    FIELD_END,
};

/* U = (W_inproj W_E)' holds a row for each symbol, G = W_outproj' W_U a column for each class: the network between
 * two lookups is act(U[a] + U[b]) ... G, and d_embed appears only in products whose size does not depend on the data.
 */
struct net {
    const struct activation_kind *act;
    size_t d, h, p, c, layers; /* d_embed, d_hidden, vocabulary, classes */
    const struct tensor *W_E, *W_inproj, *W_outproj, *W_U;
    const struct tensor *W_h; /* W_h2; W_h3 and so on stand behind it   */
    const real *theta;        /* bound by prepare                       */
    real *U, *dU;             /* (p, h)                                 */
    real *G, *dG;             /* (h, c)                                 */
    real *hidden[LAYERS];     /* (n, h): outputs of the layers          */
    real *input[LAYERS];      /* (n, h): what act->chain looks at       */
    real *dhidden, *dspare;   /* (n, h)                                 */
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
        snprintf(name, sizeof name, "W_h%d", l);
        LAYOUT_ADD(out, name, scale / sqrt(h), c->d_hidden, c->d_hidden);
    }
    LAYOUT_ADD(out, "W_outproj", scale / sqrt(h), c->d_embed, c->d_hidden);
    LAYOUT_ADD(out, "W_U", scale / sqrt(d), c->d_embed, shape->classes);
    return 0;
}

static struct net *open(const void *config, const struct layout *l, const struct task_shape *shape, size_t max_batch,
                        struct arena *a)
{
    const struct embed_mlp_config *cfg = config;
    struct net *net = ARENA_NEW(a, 1, struct net);
    size_t h = (size_t)cfg->d_hidden, p = (size_t)shape->vocabulary, c = (size_t)shape->classes, n = max_batch;
    *net = (struct net){ .act = &activation_kinds[cfg->activation],
                         .d = (size_t)cfg->d_embed,
                         .h = h,
                         .p = p,
                         .c = c,
                         .layers = (size_t)cfg->layers,
                         .W_E = layout_find(l, "W_E"),
                         .W_inproj = layout_find(l, "W_inproj"),
                         .W_h = layout_find(l, "W_h2"),
                         .W_outproj = layout_find(l, "W_outproj"),
                         .W_U = layout_find(l, "W_U"),
                         .U = ARENA_NEW(a, p * h, real),
                         .dU = ARENA_NEW(a, p * h, real),
                         .G = ARENA_NEW(a, h * c, real),
                         .dG = ARENA_NEW(a, h * c, real),
                         .dhidden = ARENA_NEW(a, n * h, real),
                         .dspare = ARENA_NEW(a, n * h, real) };
    for (size_t i = 0; i < net->layers; i++) {
        net->hidden[i] = ARENA_NEW(a, n * h, real);
        net->input[i] = net->act->from_input ? ARENA_NEW(a, n * h, real) : net->hidden[i];
    }
    return net;
}

static void prepare(struct net *net, const real *theta)
{
    net->theta = theta;
    gemm_tt(net->U, theta + net->W_E->offset, theta + net->W_inproj->offset, net->p, net->h, net->d, 0);
    gemm_tn(net->G, theta + net->W_outproj->offset, theta + net->W_U->offset, net->h, net->c, net->d, 0);
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
    gather(net->hidden[0], net->U, d, h);
    activate(net, 0, n);
    for (size_t l = 1; l < net->layers; l++) {
        gemm_nt(net->hidden[l], net->hidden[l - 1], net->theta + hidden_offset(net, l), n, h, h, 0);
        activate(net, l, n);
    }
}

static void forward(struct net *net, const struct dataset *d, real *logits)
{
    hide(net, d);
    gemm_tt(logits, net->G, net->hidden[net->layers - 1], net->c, d->n, net->h, 0);
}

static void hidden(struct net *net, const struct dataset *d, real *out)
{
    const struct transpose t = { .rows = d->n, .columns = net->h, .out_line = d->n, .in_line = net->h };
    hide(net, d);
    transpose_lines(out, net->hidden[net->layers - 1], &t);
}

/* From dG and dU, the gradients of the four outer tensors. */
static void unfold(const struct net *net, real *gradient)
{
    const real *theta = net->theta;
    size_t d = net->d, h = net->h, p = net->p, c = net->c;
    gemm_tt(gradient + net->W_E->offset, theta + net->W_inproj->offset, net->dU, d, p, h, 0);
    gemm_tt(gradient + net->W_inproj->offset, net->dU, theta + net->W_E->offset, h, d, p, 0);
    gemm_nt(gradient + net->W_outproj->offset, theta + net->W_U->offset, net->dG, d, h, c, 0);
    gemm_nn(gradient + net->W_U->offset, theta + net->W_outproj->offset, net->dG, d, c, h, 0);
}

static void backward(struct net *net, const struct dataset *d, const real *dlogits, real *gradient)
{
    size_t n = d->n, h = net->h, last = net->layers - 1;
    gemm_tt(net->dG, net->hidden[last], dlogits, h, net->c, n, 0);
    gemm_tt(net->dhidden, dlogits, net->G, n, h, net->c, 0);
    for (size_t l = last;; l--) {
        net->act->chain(net->dhidden, net->input[l], n * h);
        if (l == 0) break;
        gemm_tn(gradient + hidden_offset(net, l), net->dhidden, net->hidden[l - 1], h, h, n, 0);
        gemm_nn(net->dspare, net->dhidden, net->theta + hidden_offset(net, l), n, h, h, 0);
        real *swap = net->dhidden;
        net->dhidden = net->dspare;
        net->dspare = swap;
    }
    memset(net->dU, 0, net->p * h * sizeof(real));
    scatter(net->dU, net->dhidden, d, h);
    unfold(net, gradient);
}

static const struct model_symbols symbols = { "W_E", "W_inproj", "W_outproj", "W_U" };

const struct model_kind model_embed_mlp = {
    .kind = { .name = "embed_mlp",
              .summary = "symbols are embedded, summed, and passed through a small MLP; no biases",
              .source = "Minegishi et al. (arXiv 2310.19470); OnlyMLP of the published code",
              .fields = fields,
              .config_size = sizeof(struct embed_mlp_config) },
    .symbols = &symbols,
    .layout = layout,
    .open = open,
    .prepare = prepare,
    .forward = forward,
    .hidden = hidden,
    .backward = backward,
    .plain = embed_mlp_plain,
    .dual = embed_mlp_dual,
};
