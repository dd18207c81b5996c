#include "model/lstm.h"

#include "base/arena.h"
#include "num/scalar.h"

#include <string.h>

/* One example.  Time counts from 1; at 0 the states are 0.  (width + 1, h) or (width + 1, 4h) of each layer. */
struct run {
    const struct layout *layout;
    const scalar *theta;
    const int32_t *token;
    size_t width, h, layers;
    scalar *gates[LSTM_LAYERS], *c[LSTM_LAYERS], *out[LSTM_LAYERS];
    scalar *dout[LSTM_LAYERS], *dc[LSTM_LAYERS]; /* [h]: by the states at the time at hand */
    scalar *dgates;                              /* [4h]: by what is squashed              */
};

static struct run run_open(const struct lstm_config *config, const struct layout *l, size_t width, struct arena *a)
{
    struct run r = { .layout = l, .width = width, .h = (size_t)config->d_hidden, .layers = (size_t)config->layers };
    for (size_t i = 0; i < r.layers; i++) {
        r.gates[i] = ARENA_NEW(a, (width + 1) * 4 * r.h, scalar);
        r.c[i] = ARENA_NEW(a, (width + 1) * r.h, scalar);
        r.out[i] = ARENA_NEW(a, (width + 1) * r.h, scalar);
        r.dout[i] = ARENA_NEW(a, r.h, scalar);
        r.dc[i] = ARENA_NEW(a, r.h, scalar);
    }
    r.dgates = ARENA_NEW(a, 4 * r.h, scalar);
    return r;
}

static size_t offset(const struct run *r, enum lstm_tensor what, size_t layer)
{
    return lstm_tensor(r->layout, what, layer)->offset;
}

/* What a layer reads: where its `*size` numbers are. */
static const scalar *input_of(const struct run *r, size_t layer, size_t t, size_t *size)
{
    const struct tensor *E = layout_find(r->layout, "embedding.weight");
    *size = layer ? r->h : (size_t)E->dim[1];
    return layer ? r->out[layer - 1] + t * r->h : r->theta + E->offset + (size_t)r->token[t - 1] * *size;
}

static scalar sigmoid(scalar x)
{
    return (1 + scalar_tanh(x / 2)) / 2;
}

static scalar dot(const scalar *a, const scalar *b, size_t n)
{
    scalar sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void cell(struct run *r, size_t layer, size_t t)
{
    const size_t h = r->h;
    const scalar *b_ih = r->theta + offset(r, B_IH, layer), *b_hh = r->theta + offset(r, B_HH, layer);
    const scalar *W_ih = r->theta + offset(r, W_IH, layer), *W_hh = r->theta + offset(r, W_HH, layer);
    scalar *gate = r->gates[layer] + t * 4 * h, *c = r->c[layer] + t * h, *out = r->out[layer] + t * h;
    size_t inputs;
    const scalar *input = input_of(r, layer, t, &inputs);
    for (size_t q = 0; q < 4 * h; q++) {
        const scalar u = b_ih[q] + b_hh[q] + dot(W_ih + q * inputs, input, inputs) + dot(W_hh + q * h, out - h, h);
        gate[q] = q / h == 2 ? scalar_tanh(u) : sigmoid(u);
    }
    for (size_t j = 0; j < h; j++) {
        c[j] = gate[h + j] * c[j - h] + gate[j] * gate[2 * h + j];
        out[j] = gate[3 * h + j] * scalar_tanh(c[j]);
    }
}

/* dout and dc of the layer at t -> dgates, and dc at t - 1. */
static void cell_back(struct run *r, size_t layer, size_t t)
{
    const size_t h = r->h;
    const scalar *gate = r->gates[layer] + t * 4 * h, *c = r->c[layer] + t * h;
    for (size_t j = 0; j < h; j++) {
        const scalar i = gate[j], f = gate[h + j], g = gate[2 * h + j], o = gate[3 * h + j], u = scalar_tanh(c[j]);
        const scalar dc = r->dc[layer][j] + r->dout[layer][j] * o * (1 - u * u);
        r->dgates[j] = dc * g * i * (1 - i);
        r->dgates[h + j] = dc * c[j - h] * f * (1 - f);
        r->dgates[2 * h + j] = dc * i * (1 - g * g);
        r->dgates[3 * h + j] = r->dout[layer][j] * u * o * (1 - o);
        r->dc[layer][j] = dc * f;
    }
}

/* dW += dgates v', dv += W' dgates. */
static void product_back(const struct run *r, size_t W, const scalar *v, size_t size, scalar *gradient, scalar *dv)
{
    for (size_t q = 0; q < 4 * r->h; q++)
        for (size_t j = 0; j < size; j++) {
            gradient[W + q * size + j] += r->dgates[q] * v[j];
            dv[j] += r->theta[W + q * size + j] * r->dgates[q];
        }
}

/* One step of a layer: its weights, dout of itself at t - 1, and of the layer below at t or of the symbol. */
static void step_back(struct run *r, size_t layer, size_t t, scalar *gradient)
{
    const size_t h = r->h, b_ih = offset(r, B_IH, layer), b_hh = offset(r, B_HH, layer);
    size_t inputs;
    const scalar *input = input_of(r, layer, t, &inputs);
    cell_back(r, layer, t);
    for (size_t q = 0; q < 4 * h; q++) {
        gradient[b_ih + q] += r->dgates[q];
        gradient[b_hh + q] += r->dgates[q];
    }
    memset(r->dout[layer], 0, h * sizeof(scalar));
    product_back(r, offset(r, W_HH, layer), r->out[layer] + (t - 1) * h, h, gradient, r->dout[layer]);
    product_back(r, offset(r, W_IH, layer), input, inputs, gradient,
                 layer ? r->dout[layer - 1] : gradient + (input - r->theta));
}

static void run_forward(struct run *r, scalar *logits, size_t stride)
{
    const struct tensor *W = layout_find(r->layout, "fc.weight"), *b = layout_find(r->layout, "fc.bias");
    const scalar *last = r->out[r->layers - 1] + r->width * r->h;
    for (size_t t = 1; t <= r->width; t++)
        for (size_t layer = 0; layer < r->layers; layer++) cell(r, layer, t);
    for (size_t k = 0; k < b->size; k++)
        logits[k * stride] = r->theta[b->offset + k] + dot(r->theta + W->offset + k * r->h, last, r->h);
}

static void run_backward(struct run *r, const scalar *dlogits, size_t stride, scalar *gradient)
{
    const struct tensor *W = layout_find(r->layout, "fc.weight"), *b = layout_find(r->layout, "fc.bias");
    const size_t h = r->h, top = r->layers - 1;
    const scalar *last = r->out[top] + r->width * h;
    for (size_t layer = 0; layer < r->layers; layer++) {
        memset(r->dout[layer], 0, h * sizeof(scalar));
        memset(r->dc[layer], 0, h * sizeof(scalar));
    }
    for (size_t k = 0; k < b->size; k++) {
        gradient[b->offset + k] += dlogits[k * stride];
        for (size_t j = 0; j < h; j++) {
            gradient[W->offset + k * h + j] += dlogits[k * stride] * last[j];
            r->dout[top][j] += dlogits[k * stride] * r->theta[W->offset + k * h + j];
        }
    }
    for (size_t t = r->width; t > 0; t--)
        for (size_t layer = r->layers; layer-- > 0;) step_back(r, layer, t, gradient);
}

void SCALAR_NAME(lstm)(const void *config, const struct task_shape *shape, const struct layout *layout,
                       const struct dataset *d, const scalar *theta, scalar *logits, const scalar *dlogits,
                       scalar *gradient, const struct plain_guard *guard)
{
    struct arena a = { 0 };
    (void)shape;
    struct run r = run_open(config, layout, d->width, &a);
    r.theta = theta;
    if (gradient) memset(gradient, 0, layout->n * sizeof *gradient);
    for (size_t i = 0; i < d->n && !plain_leaves(guard); i++) {
        r.token = d->token + i * d->width;
        run_forward(&r, logits + i, d->n);
        if (gradient) run_backward(&r, dlogits + i, d->n, gradient);
    }
    arena_release(&a);
}
