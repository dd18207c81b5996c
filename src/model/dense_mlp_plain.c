#include "base/text.h"
#include "model/dense_mlp.h"

#include "base/arena.h"
#include "model/activation_plain.h"
#include "num/scalar.h"

#include <stdio.h>
#include <string.h>

/* v[0] is the input of one example, u[l] what goes into layer l's activation, v[l + 1] what comes out of it. */
struct chain {
    const struct dense_mlp_config *config;
    const struct layout *layout;
    const scalar *theta;
    size_t inputs, hidden, layers, outputs;
    scalar *v[DENSE_MLP_LAYERS + 1], *u[DENSE_MLP_LAYERS], *dv, *du;
};

static scalar act_of(const struct dense_mlp_config *c, scalar x)
{
    return c->activation == DENSE_MLP_QUADRATIC ? x + c->epsilon / 2 * x * x : act(c->activation, x);
}

static scalar slope_of(const struct dense_mlp_config *c, scalar x)
{
    return c->activation == DENSE_MLP_QUADRATIC ? 1 + c->epsilon * x : act_slope(c->activation, x);
}

static const struct tensor *tensor_of(const struct chain *c, const char *sort, size_t layer)
{
    char name[LAYOUT_NAME];
    if (layer < c->layers)
        MUST(text_print(name, sizeof name, "%s_%zu", sort, layer + 1));
    else
        MUST(text_print(name, sizeof name, "%s_out", sort));
    return layout_find(c->layout, name);
}

/* out = W v + b, or the mean of v where there is no W. */
static void apply(const struct chain *c, size_t layer, const scalar *v, size_t inputs, scalar *out, size_t outputs)
{
    const struct tensor *W = tensor_of(c, "W", layer), *b = tensor_of(c, "b", layer);
    for (size_t i = 0; i < outputs; i++) {
        scalar sum = b ? c->theta[b->offset + i] : 0;
        for (size_t j = 0; j < inputs; j++)
            sum += v[j] * (W ? c->theta[W->offset + i * inputs + j] : 1 / (double)inputs);
        out[i] = sum;
    }
}

/* From dout, the gradients of W and b, and dv. */
static void apply_back(const struct chain *c, size_t layer, const scalar *v, size_t inputs, const scalar *dout,
                       size_t outputs, scalar *dv, scalar *gradient)
{
    const struct tensor *W = tensor_of(c, "W", layer), *b = tensor_of(c, "b", layer);
    for (size_t j = 0; j < inputs; j++) dv[j] = 0;
    for (size_t i = 0; i < outputs; i++) {
        if (b) gradient[b->offset + i] += dout[i];
        for (size_t j = 0; j < inputs; j++) {
            if (W) gradient[W->offset + i * inputs + j] += dout[i] * v[j];
            dv[j] += dout[i] * (W ? c->theta[W->offset + i * inputs + j] : 1 / (double)inputs);
        }
    }
}

static struct chain chain_open(const struct dense_mlp_config *config, const struct layout *l, const scalar *theta,
                               struct arena *a)
{
    struct chain c = { .config = config,
                       .layout = l,
                       .theta = theta,
                       .inputs = (size_t)layout_find(l, "W_1")->dim[1],
                       .hidden = (size_t)config->d_hidden,
                       .layers = (size_t)config->layers,
                       .outputs = 1 };
    const struct tensor *W = tensor_of(&c, "W", c.layers);
    if (W) c.outputs = (size_t)W->dim[0];
    size_t most = c.inputs > c.hidden ? c.inputs : c.hidden;
    most = c.outputs > most ? c.outputs : most;
    for (size_t i = 0; i <= c.layers; i++) c.v[i] = ARENA_NEW(a, most, scalar);
    for (size_t i = 0; i < c.layers; i++) c.u[i] = ARENA_NEW(a, most, scalar);
    c.dv = ARENA_NEW(a, most, scalar);
    c.du = ARENA_NEW(a, most, scalar);
    return c;
}

static void take_input(const struct chain *c, const struct dataset *d, size_t example)
{
    const size_t symbols = c->inputs / d->width;
    for (size_t j = 0; j < c->inputs; j++) c->v[0][j] = d->token ? 0 : dataset_number(d, example, j);
    for (size_t w = 0; d->token && w < d->width; w++)
        c->v[0][w * symbols + (size_t)d->token[example * d->width + w]] = 1;
}

static size_t width_into(const struct chain *c, size_t layer)
{
    return layer ? c->hidden : c->inputs;
}

static void run_forward(struct chain *c, scalar *logits, size_t stride)
{
    for (size_t l = 0; l < c->layers; l++) {
        apply(c, l, c->v[l], width_into(c, l), c->u[l], c->hidden);
        for (size_t i = 0; i < c->hidden; i++) c->v[l + 1][i] = act_of(c->config, c->u[l][i]);
    }
    apply(c, c->layers, c->v[c->layers], c->hidden, c->du, c->outputs);
    for (size_t k = 0; k < c->outputs; k++) logits[k * stride] = c->config->output_scale * c->du[k];
}

static void run_backward(struct chain *c, const scalar *dlogits, size_t stride, scalar *gradient)
{
    for (size_t k = 0; k < c->outputs; k++) c->du[k] = c->config->output_scale * dlogits[k * stride];
    apply_back(c, c->layers, c->v[c->layers], c->hidden, c->du, c->outputs, c->dv, gradient);
    for (size_t l = c->layers; l-- > 0;) {
        for (size_t i = 0; i < c->hidden; i++) c->du[i] = c->dv[i] * slope_of(c->config, c->u[l][i]);
        apply_back(c, l, c->v[l], width_into(c, l), c->du, c->hidden, c->dv, gradient);
    }
}

void SCALAR_NAME(dense_mlp)(const void *config, const struct task_shape *shape, const struct layout *layout,
                            const struct dataset *d, const scalar *theta, scalar *logits, const scalar *dlogits,
                            scalar *gradient, const struct plain_guard *guard)
{
    struct arena a = { 0 };
    (void)shape;
    struct chain c = chain_open(config, layout, theta, &a);
    if (gradient) memset(gradient, 0, layout->n * sizeof *gradient);
    for (size_t i = 0; i < d->n && !plain_leaves(guard); i++) {
        take_input(&c, d, i);
        run_forward(&c, logits + i, d->n);
        if (gradient) run_backward(&c, dlogits + i, d->n, gradient);
    }
    arena_release(&a);
}
