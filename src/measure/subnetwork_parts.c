#define TOMBOLA_REAL 64
#include "measure/subnetwork_private.h"

#include "num/blas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 };

static int8_t sign_of(double x)
{
    return (int8_t)((x > 0) - (x < 0));
}

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

/* ---- order ---- */

struct ranked {
    double x;
    size_t place;
};

static int compare(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    return a->x != b->x ? (a->x > b->x) - (a->x < b->x) : (a->place > b->place) - (a->place < b->place);
}

void subnetwork_order(size_t *order, const double *x, size_t n, struct arena *scratch)
{
    struct arena_mark m = arena_mark(scratch);
    struct ranked *list = ARENA_NEW(scratch, n, struct ranked);
    for (size_t i = 0; i < n; i++) list[i] = (struct ranked){ x[i], i };
    qsort(list, n, sizeof *list, compare);
    for (size_t i = 0; i < n; i++) order[i] = list[i].place;
    arena_rewind(scratch, m);
}

/* ---- the layer ---- */

void layer_hidden(double *hidden, const struct layer *l, const double *x, size_t n)
{
    blas_gemm_nt(hidden, x, l->W, n, l->neurons, l->inputs, 0);
    for (size_t i = 0; i < n && l->b; i++)
        for (size_t j = 0; j < l->neurons; j++) hidden[i * l->neurons + j] += l->b[j];
    l->act(hidden, n * l->neurons);
}

void parts_signs(int8_t *sign, const struct parts *p, const double *hidden, size_t n, struct arena *scratch)
{
    struct arena_mark m = arena_mark(scratch);
    double *output = ARENA_NEW(scratch, n * PARTS, double);
    blas_gemm_nt(output, hidden, p->out, n, PARTS, p->layer->neurons, 0);
    for (size_t i = 0; i < n * PARTS; i++) sign[i] = sign_of(output[i] + p->layer->bias);
    arena_rewind(scratch, m);
}

void layer_count_top(size_t *right, const struct layer *l, const size_t *order, const struct dataset *d,
                     struct arena *scratch)
{
    struct arena_mark m = arena_mark(scratch);
    double *hidden = ARENA_NEW(scratch, BLOCK * l->neurons, double);
    memset(right, 0, (l->neurons + 1) * sizeof *right);
    for (size_t first = 0; first < d->n; first += BLOCK) {
        const size_t n = at_most(d->n - first, BLOCK);
        layer_hidden(hidden, l, d->x + first * l->inputs, n);
        for (size_t i = 0; i < n; i++) {
            const int8_t label = d->label[first + i] ? 1 : -1;
            double output = l->bias;
            right[0] += sign_of(output) == label;
            for (size_t k = 1; k <= l->neurons; k++) {
                const size_t neuron = order[l->neurons - k];
                output += l->out[neuron] * hidden[i * l->neurons + neuron];
                right[k] += sign_of(output) == label;
            }
        }
    }
    arena_rewind(scratch, m);
}

/* ---- sensitivity ---- */

static bool all_signs(const struct dataset *d, size_t n)
{
    for (size_t i = 0; i < n * d->width; i++)
        if (fabs(d->x[i]) != 1) return false;
    return true;
}

/* Add to changes how many of the inputs, each changed alone, change the sign of each part's output on x. */
static void count_changes(size_t changes[PARTS], const struct parts *p, const double *x, struct arena *scratch)
{
    const size_t inputs = p->layer->inputs, neurons = p->layer->neurons;
    struct arena_mark m = arena_mark(scratch);
    double *changed = ARENA_NEW(scratch, BLOCK * inputs, double),
           *hidden = ARENA_NEW(scratch, BLOCK * neurons, double);
    int8_t before[PARTS], *sign = ARENA_NEW(scratch, BLOCK * PARTS, int8_t);
    layer_hidden(hidden, p->layer, x, 1);
    parts_signs(before, p, hidden, 1, scratch);
    for (size_t first = 0; first < inputs; first += BLOCK) {
        const size_t n = at_most(inputs - first, BLOCK);
        for (size_t i = 0; i < n; i++) {
            memcpy(changed + i * inputs, x, inputs * sizeof *x);
            changed[i * inputs + first + i] *= -1;
        }
        layer_hidden(hidden, p->layer, changed, n);
        parts_signs(sign, p, hidden, n, scratch);
        for (size_t i = 0; i < n * PARTS; i++) changes[i % PARTS] += sign[i] != before[i % PARTS];
    }
    arena_rewind(scratch, m);
}

int parts_sensitivity(double value[PARTS], const struct parts *p, const struct dataset *d,
                      const struct measure_probe *probe, struct err *e)
{
    const size_t n = at_most(d->n, LAYER_LOOKS);
    const bool meant = all_signs(d, n);
    size_t changes[PARTS] = { 0 };
    for (size_t i = 0; i < n && meant; i++) {
        if (measure_tick(probe, e)) return -1;
        count_changes(changes, p, d->x + i * d->width, probe->scratch);
    }
    for (size_t i = 0; i < PARTS; i++) value[i] = meant ? (double)changes[i] / (double)n : (double)NAN;
    return 0;
}

/* ---- arity ---- */

/* One neuron, and the network without it, on the examples looked at. */
struct neuron {
    const struct layer *layer;
    const double *x, *W;
    double b, out;
    size_t n;
    const size_t *rank;    /* [inputs]: an input is removed if its rank is below the cut */
    const double *without; /* [n] */
    const int8_t *sign;    /* [n]: of the whole network */
    double *hidden;        /* [n] */
};

static bool keeps_signs(const struct neuron *u, size_t cut)
{
    const size_t inputs = u->layer->inputs;
    for (size_t i = 0; i < u->n; i++) {
        double sum = 0;
        for (size_t j = 0; j < inputs; j++) sum += u->rank[j] < cut ? 0 : u->W[j] * u->x[i * inputs + j];
        u->hidden[i] = sum + u->b;
    }
    u->layer->act(u->hidden, u->n);
    for (size_t i = 0; i < u->n; i++)
        if (sign_of(u->without[i] + u->out * u->hidden[i]) != u->sign[i]) return false;
    return true;
}

static double search_arity(const struct neuron *u)
{
    size_t low = 0, high = u->layer->inputs;
    while (low < high) {
        const size_t middle = (low + high + 1) / 2;
        if (keeps_signs(u, middle))
            low = middle;
        else
            high = middle - 1;
    }
    return (double)(u->layer->inputs - low);
}

static void both_arities(struct neuron *u, double *arity, double *published, struct arena *scratch)
{
    const size_t inputs = u->layer->inputs;
    struct arena_mark m = arena_mark(scratch);
    double *size = ARENA_NEW(scratch, inputs, double);
    size_t *order = ARENA_NEW(scratch, inputs, size_t), *rank = ARENA_NEW(scratch, inputs, size_t);
    for (size_t j = 0; j < inputs; j++) size[j] = fabs(u->W[j]);
    subnetwork_order(order, size, inputs, scratch);
    for (size_t j = 0; j < inputs; j++) rank[order[j]] = j;
    u->rank = rank;
    *arity = search_arity(u);
    u->rank = order;
    *published = search_arity(u);
    arena_rewind(scratch, m);
}

int layer_arity(double *arity, double *published, const struct layer *l, const struct dataset *d,
                const struct measure_probe *probe, struct err *e)
{
    struct arena *a = probe->scratch;
    const size_t n = at_most(d->n, LAYER_LOOKS);
    double *hidden = ARENA_NEW(a, n * l->neurons, double), *output = ARENA_NEW(a, n, double);
    double *without = ARENA_NEW(a, n, double), *room = ARENA_NEW(a, n, double);
    int8_t *sign = ARENA_NEW(a, n, int8_t);
    layer_hidden(hidden, l, d->x, n);
    blas_gemm_nn(output, hidden, l->out, n, 1, l->neurons, 0);
    for (size_t i = 0; i < n; i++) sign[i] = sign_of(output[i] += l->bias);
    for (size_t j = 0; j < l->neurons; j++) {
        if (measure_tick(probe, e)) return -1;
        for (size_t i = 0; i < n; i++) without[i] = output[i] - l->out[j] * hidden[i * l->neurons + j];
        struct neuron u = { .layer = l,
                            .x = d->x,
                            .W = l->W + j * l->inputs,
                            .b = l->b ? l->b[j] : 0,
                            .out = l->out[j],
                            .n = n,
                            .without = without,
                            .sign = sign,
                            .hidden = room };
        both_arities(&u, &arity[j], &published[j], a);
    }
    return 0;
}
