#include "model/dense_mlp_private.h"

#include "base/text.h"
#include "model/model.h"
#include "num/blas.h"
#include "num/clones.h"
#include "num/real.h"
#include "num/sums.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Activations stand as (neurons, n): what a layer does is W v, what comes back is W' dv, and weights get dv v'.  Only
 * of the inputs, which come as (n, inputs), the products are the other way round. */
struct map {
    const struct tensor *W, *b; /* NULL: none; a readout without W has the weights in net->mean */
    size_t inputs, outputs;
    real *out; /* (outputs, n), of hidden layers: after the activation */
    real *in;  /* what act_chain looks at */
};

struct net {
    const struct activation_kind *act; /* NULL: quadratic */
    real epsilon, scale;               /* of the quadratic; of the outputs */
    size_t layers, vocabulary;
    struct map map[DENSE_MLP_LAYERS + 1];
    const real *theta;      /* bound by prepare */
    real *mean;             /* (1, d_hidden): the readout that is not trained */
    real *dhidden, *dspare; /* (d_hidden, n) */
    real *dout;             /* (outputs, n) */
};

static void open_maps(struct net *net, const struct dense_mlp_config *c, const struct layout *l, size_t inputs,
                      size_t outputs)
{
    for (size_t i = 0; i <= net->layers; i++) {
        char W[LAYOUT_NAME], b[LAYOUT_NAME];
        MUST(text_print(W, sizeof W, i < net->layers ? "W_%zu" : "W_out", i + 1));
        MUST(text_print(b, sizeof b, i < net->layers ? "b_%zu" : "b_out", i + 1));
        net->map[i] = (struct map){ .W = layout_find(l, W),
                                    .b = layout_find(l, b),
                                    .inputs = i ? (size_t)c->d_hidden : inputs,
                                    .outputs = i < net->layers ? (size_t)c->d_hidden : outputs };
    }
}

static struct net *open(const void *config, const struct layout *l, const struct task_shape *shape, size_t max_batch,
                        struct arena *a)
{
    const struct dense_mlp_config *c = config;
    struct net *net = ARENA_NEW(a, 1, struct net);
    const size_t h = (size_t)c->d_hidden, outputs = (size_t)shape->classes, n = max_batch;
    const size_t symbols = (size_t)shape->vocabulary;
    *net = (struct net){ .act = c->activation == DENSE_MLP_QUADRATIC ? NULL : &activation_kinds[c->activation],
                         .epsilon = (real)c->epsilon,
                         .scale = (real)c->output_scale,
                         .layers = (size_t)c->layers,
                         .vocabulary = symbols,
                         .mean = ARENA_NEW(a, h, real),
                         .dhidden = ARENA_NEW(a, h * n, real),
                         .dspare = ARENA_NEW(a, h * n, real),
                         .dout = ARENA_NEW(a, outputs * n, real) };
    open_maps(net, c, l, shape->width * (symbols ? symbols : 1), outputs);
    const bool from_input = !net->act || net->act->from_input;
    for (size_t i = 0; i < net->layers; i++) {
        net->map[i].out = ARENA_NEW(a, h * n, real);
        net->map[i].in = from_input ? ARENA_NEW(a, h * n, real) : net->map[i].out;
    }
    for (size_t i = 0; i < h; i++) net->mean[i] = (real)1 / (real)h;
    return net;
}

static void prepare(struct net *net, const real *theta)
{
    net->theta = theta;
}

static const real *weights(const struct net *net, const struct map *m)
{
    return m->W ? net->theta + m->W->offset : net->mean;
}

/* ---- symbols: the product with one-hot vectors is a choice of columns ---- */

static void choose(real *out, const real *W, const struct map *m, const struct dataset *d, size_t vocabulary)
{
    for (size_t r = 0; r < m->outputs; r++, W += m->inputs, out += d->n)
        for (size_t i = 0; i < d->n; i++) {
            const int32_t *token = d->token + i * d->width;
            real sum = W[token[0]];
            for (size_t w = 1; w < d->width; w++) sum += W[w * vocabulary + (size_t)token[w]];
            out[i] = sum;
        }
}

static void spread(real *dW, const real *dout, const struct map *m, const struct dataset *d, size_t vocabulary)
{
    memset(dW, 0, m->outputs * m->inputs * sizeof *dW);
    for (size_t r = 0; r < m->outputs; r++, dW += m->inputs, dout += d->n)
        for (size_t i = 0; i < d->n; i++)
            for (size_t w = 0; w < d->width; w++) dW[w * vocabulary + (size_t)d->token[i * d->width + w]] += dout[i];
}

/* ---- biases and the quadratic ---- */

CLONES static void add_bias(real *restrict x, const real *restrict b, size_t rows, size_t n)
{
    for (size_t r = 0; r < rows; r++, x += n)
        for (size_t i = 0; i < n; i++) x[i] += b[r];
}

CLONES static void sum_rows(real *restrict out, const real *restrict d, size_t rows, size_t n)
{
    for (size_t r = 0; r < rows; r++) out[r] = sums_row(d + r * n, n);
}

CLONES static void quadratic(real *x, size_t n, real epsilon)
{
    for (size_t i = 0; i < n; i++) x[i] += epsilon / 2 * x[i] * x[i];
}

CLONES static void quadratic_chain(real *restrict d, const real *restrict in, size_t n, real epsilon)
{
    for (size_t i = 0; i < n; i++) d[i] *= 1 + epsilon * in[i];
}

static void scale(real *out, const real *in, size_t n, real by)
{
    for (size_t i = 0; i < n; i++) out[i] = in[i] * by;
}

static void activate(const struct net *net, const struct map *m, size_t n)
{
    const size_t count = m->outputs * n;
    if (m->in != m->out) memcpy(m->in, m->out, count * sizeof *m->in);
    if (net->act)
        net->act->apply(m->out, count);
    else
        quadratic(m->out, count, net->epsilon);
}

static void activate_back(const struct net *net, const struct map *m, real *d, size_t n)
{
    if (net->act)
        net->act->chain(d, m->in, m->outputs * n);
    else
        quadratic_chain(d, m->in, m->outputs * n, net->epsilon);
}

static void forward(struct net *net, const struct dataset *d, real *logits)
{
    const size_t n = d->n;
    assert(d->token || d->x_real);
    for (size_t i = 0; i <= net->layers; i++) {
        const struct map *m = &net->map[i];
        real *out = i < net->layers ? m->out : logits;
        const real *W = weights(net, m);
        if (i > 0)
            blas_gemm_nn(out, W, net->map[i - 1].out, m->outputs, n, m->inputs, 0);
        else if (d->token)
            choose(out, W, m, d, net->vocabulary);
        else
            blas_gemm_nt(out, W, d->x_real, m->outputs, n, m->inputs, 0);
        if (m->b) add_bias(out, net->theta + m->b->offset, m->outputs, n);
        if (i < net->layers) activate(net, m, n);
    }
    if (net->scale != 1) scale(logits, logits, net->map[net->layers].outputs * n, net->scale);
}

static void gradient_of_map(const struct net *net, size_t i, const struct dataset *d, const real *dout,
                            real *gradient)
{
    const struct map *m = &net->map[i];
    if (m->b) sum_rows(gradient + m->b->offset, dout, m->outputs, d->n);
    if (!m->W) return;
    real *dW = gradient + m->W->offset;
    if (i > 0)
        blas_gemm_nt(dW, dout, net->map[i - 1].out, m->outputs, m->inputs, d->n, 0);
    else if (d->token)
        spread(dW, dout, m, d, net->vocabulary);
    else
        blas_gemm_nn(dW, dout, d->x_real, m->outputs, m->inputs, d->n, 0);
}

static void backward(struct net *net, const struct dataset *d, const real *dlogits, real *gradient)
{
    const size_t n = d->n;
    const real *dout = dlogits;
    if (net->scale != 1) {
        scale(net->dout, dlogits, net->map[net->layers].outputs * n, net->scale);
        dout = net->dout;
    }
    for (size_t i = net->layers;; i--) {
        const struct map *m = &net->map[i];
        gradient_of_map(net, i, d, dout, gradient);
        if (i == 0) return;
        blas_gemm_tn(net->dhidden, weights(net, m), dout, m->inputs, n, m->outputs, 0);
        activate_back(net, &net->map[i - 1], net->dhidden, n);
        dout = net->dhidden;
        real *swap = net->dhidden;
        net->dhidden = net->dspare;
        net->dspare = swap;
    }
}

const struct model_kind REAL_NAME(model_dense_mlp) = {
    .kind = { .name = "dense_mlp",
              .summary = "the plain multilayer perceptron, on numbers or on one-hot symbols",
              .source = "Merrill et al. (arXiv 2303.11873), parity; Liu et al. (2210.01117), MNIST; Kumar et al. "
                        "(2310.06110), polynomial regression",
              .fields = dense_mlp_fields,
              .config_size = sizeof(struct dense_mlp_config) },
    .layout = dense_mlp_layout,
    .open = open,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .plain = dense_mlp_plain,
    .dual = dense_mlp_dual,
};
