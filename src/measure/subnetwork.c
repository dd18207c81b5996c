#define TOMBOLA_REAL 64
#include "measure/subnetwork_private.h"

#include "model/dense_mlp.h"
#include "model/model.h"

#include <math.h>
#include <string.h>

/* ---- columns ---- */

static size_t neurons(const struct measure_site *at)
{
    return (size_t)layout_find(at->layout, "W_1")->dim[0];
}

static size_t per_neuron(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    length[0] = neurons(at);
    return 1;
}

static size_t three(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    (void)at;
    length[0] = 3;
    return 1;
}

static size_t two(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    (void)at;
    length[0] = 2;
    return 1;
}

static void label_network(const struct measure_site *at, struct buf *out)
{
    (void)at;
    buf_text(out, "full,subnetwork,rest");
}

static void label_parts(const struct measure_site *at, struct buf *out)
{
    (void)at;
    buf_text(out, "subnetwork,rest");
}

static void label_circuit(const struct measure_site *at, struct buf *out)
{
    (void)at;
    buf_text(out, "circuit,rest");
}

enum {
    NORM,
    MEMBER,
    ARITY,
    ARITY_PUBLISHED,
    TOP,
    LINEAR,
    BINARY,
    ACCURACY,
    FAITHFULNESS = ACCURACY + 2,
    SENSITIVITY = FAITHFULNESS + 2,
    CIRCUIT_NORM = SENSITIVITY + 2,
    CIRCUIT_ACCURACY,
    COLUMNS = CIRCUIT_ACCURACY + 2
};
enum { TRAIN, TEST, SETS };

#define NEURON(column, measured_in, text)                                                                            \
    {                                                                                                                \
        .name = column, .unit = measured_in, .help = text, .axes = "neuron", .shape = per_neuron                     \
    }
#define PART(column, measured_in, text, how_many, what)                                                              \
    {                                                                                                                \
        .name = column, .unit = measured_in, .help = text, .axes = "part", .shape = how_many, .labels = what         \
    }
static const struct measure_column columns[] = {
    [NORM] = NEURON("norm", "1", "Euclidean norm of the weights into the neuron, its bias left out"),
    [MEMBER] = NEURON("member", "1", "1: in the subnetwork that linear_size tells of; 0: in the rest"),
    [ARITY] = NEURON("arity", "input",
                     "what is left when the neuron's smallest weights are removed for as long as the sign of no "
                     "output on the first 100 training examples changes (binary search)"),
    [ARITY_PUBLISHED] = NEURON("arity_published", "input",
                               "the same as the published code has it: weight j is removed if argsort(|w|)[j], not "
                               "its rank, is below the cut"),
    [TOP] = { "top_accuracy", "1",
              "training accuracy of the 1, 2, ... neurons with the largest norms, the others giving 0", "size",
              per_neuron, NULL },
    [LINEAR] = { .name = "linear_size",
                 .unit = "neuron",
                 .help = "least number of neurons with the largest norms, but not all, whose training accuracy is "
                         "just that of all; NaN: none" },
    [BINARY] = { .name = "binary_size",
                 .unit = "neuron",
                 .help = "the same found by binary search, as if accuracy never fell when neurons are added" },
    [ACCURACY + TRAIN] = PART("train_accuracy", "1", "of the network, the subnetwork, and the rest of the neurons",
                              three, label_network),
    [ACCURACY + TEST] = PART("test_accuracy", "1", "likewise", three, label_network),
    [FAITHFULNESS + TRAIN] = PART("train_faithfulness", "1",
                                  "training examples on which the part's output has the "
                                  "sign of the network's",
                                  two, label_parts),
    [FAITHFULNESS + TEST] = PART("test_faithfulness", "1", "test examples likewise", two, label_parts),
    [SENSITIVITY + TRAIN] = PART("train_sensitivity", "input",
                                 "mean over the first 100 training examples of how many inputs, each changed in sign "
                                 "alone, change the output's; NaN: inputs other than -1 and 1",
                                 three, label_network),
    [SENSITIVITY + TEST] =
        PART("test_sensitivity", "input", "over the first 100 test examples", three, label_network),
    [CIRCUIT_NORM] = PART("circuit_norm", "1",
                          "mean norm of the neurons that are the subnetwork at the last "
                          "checkpoint, and of the others; NaN: none was found there",
                          two, label_circuit),
    [CIRCUIT_ACCURACY + TRAIN] =
        PART("circuit_train_accuracy", "1", "of those neurons now, and of the others", two, label_circuit),
    [CIRCUIT_ACCURACY + TEST] = PART("circuit_test_accuracy", "1", "likewise", two, label_circuit),
    [COLUMNS] = { .name = NULL },
};

/* ---- the subnetwork ---- */

static struct layer layer_of(const struct measure_probe *p)
{
    const struct dense_mlp_config *c = p->at.model_config;
    const struct tensor *W = layout_find(p->at.layout, "W_1"), *b = layout_find(p->at.layout, "b_1");
    const struct tensor *out = layout_find(p->at.layout, "W_out"), *bias = layout_find(p->at.layout, "b_out");
    return (struct layer){ .neurons = (size_t)W->dim[0],
                           .inputs = (size_t)W->dim[1],
                           .W = p->theta + W->offset,
                           .b = b ? p->theta + b->offset : NULL,
                           .out = p->theta + out->offset,
                           .bias = bias ? p->theta[bias->offset] : 0,
                           .act = activation_kinds[c->activation].apply };
}

static void neuron_norms(double *norm, const struct layer *l)
{
    for (size_t i = 0; i < l->neurons; i++) {
        double squares = 0;
        for (const double *w = l->W + i * l->inputs, *end = w + l->inputs; w < end; w++) squares += *w * *w;
        norm[i] = sqrt(squares);
    }
}

/* The neurons by ascending norm, and right[k], the training examples that the last k of them classify. */
struct ranking {
    size_t *order, *right;
};

static struct ranking rank(const struct measure_probe *p, const struct layer *l, const double *norm)
{
    struct ranking r = { ARENA_NEW(p->scratch, l->neurons, size_t), ARENA_NEW(p->scratch, l->neurons + 1, size_t) };
    subnetwork_order(r.order, norm, l->neurons, p->scratch);
    layer_count_top(r.right, l, r.order, &p->data->train, p->scratch);
    return r;
}

/* Equality, not "at least": as published.  0: none. */
static size_t linear_search(const size_t *right, size_t all)
{
    for (size_t k = 1; k < all; k++)
        if (right[k] == right[all]) return k;
    return 0;
}

static size_t binary_search(const size_t *right, size_t all)
{
    size_t low = 1, high = all, found = 0;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (right[middle] == right[all])
            found = high = middle;
        else
            low = middle + 1;
    }
    return found;
}

/* What is followed back: 1 of each neuron of the subnetwork at the last checkpoint. */
struct circuit {
    size_t size;
    uint8_t *member;
};

static struct circuit largest(const struct ranking *r, size_t size, size_t all, struct arena *a)
{
    struct circuit c = { size, ARENA_NEW(a, all, uint8_t) };
    for (size_t k = 1; k <= size; k++) c.member[r->order[all - k]] = 1;
    return c;
}

static int look_back(const struct measure_probe *p, const void **found, struct err *e)
{
    (void)e;
    const struct layer l = layer_of(p);
    double *norm = ARENA_NEW(p->scratch, l.neurons, double);
    struct circuit *c = ARENA_NEW(p->scratch, 1, struct circuit);
    neuron_norms(norm, &l);
    const struct ranking r = rank(p, &l, norm);
    *c = largest(&r, linear_search(r.right, l.neurons), l.neurons, p->scratch);
    *found = c;
    return 0;
}

/* ---- what its parts do ---- */

static struct parts parts_of(const struct layer *l, const struct circuit *set, const struct circuit *last,
                             struct arena *a)
{
    const struct parts p = { l, ARENA_NEW(a, PARTS * l->neurons, double) };
    for (size_t i = 0; i < l->neurons; i++) {
        p.out[PART_FULL * l->neurons + i] = l->out[i];
        p.out[(set->member[i] ? PART_SET : PART_REST) * l->neurons + i] = l->out[i];
        p.out[(last->member[i] ? PART_CIRCUIT : PART_OTHERS) * l->neurons + i] = l->out[i];
    }
    return p;
}

struct shares {
    double right[PARTS], faithful[PARTS];
};

static struct shares count_shares(const struct parts *p, const struct dataset *d, struct arena *scratch)
{
    enum { BLOCK = 256 };
    struct shares s = { { 0 }, { 0 } };
    struct arena_mark m = arena_mark(scratch);
    double *hidden = ARENA_NEW(scratch, BLOCK * p->layer->neurons, double);
    int8_t *sign = ARENA_NEW(scratch, BLOCK * PARTS, int8_t);
    for (size_t first = 0; first < d->n; first += BLOCK) {
        const size_t n = d->n - first < BLOCK ? d->n - first : BLOCK;
        layer_hidden(hidden, p->layer, d->x + first * d->width, n);
        parts_signs(sign, p, hidden, n, scratch);
        for (size_t i = 0; i < n * PARTS; i++) {
            s.right[i % PARTS] += sign[i] == (d->label[first + i / PARTS] ? 1 : -1);
            s.faithful[i % PARTS] += sign[i] == sign[i - i % PARTS + PART_FULL];
        }
    }
    for (size_t i = 0; i < PARTS; i++) {
        s.right[i] /= (double)d->n;
        s.faithful[i] /= (double)d->n;
    }
    arena_rewind(scratch, m);
    return s;
}

/* The columns of a data set: what is said of a set that was not found stays NaN. */
static int look_at_set(const struct measure_probe *p, const struct parts *parts, size_t which, const bool found[2],
                       double *const *out, struct err *e)
{
    const struct dataset *d = which == TRAIN ? &p->data->train : &p->data->test;
    const struct shares s = count_shares(parts, d, p->scratch);
    double sensitivity[PARTS];
    if (parts_sensitivity(sensitivity, parts, d, p, e)) return -1;
    for (size_t i = 0; i < (found[0] ? 3 : 1); i++) {
        out[ACCURACY + which][i] = s.right[PART_FULL + i];
        out[SENSITIVITY + which][i] = sensitivity[PART_FULL + i];
    }
    for (size_t i = 0; i < 2; i++) {
        if (found[0]) out[FAITHFULNESS + which][i] = s.faithful[PART_SET + i];
        if (found[1]) out[CIRCUIT_ACCURACY + which][i] = s.right[PART_CIRCUIT + i];
    }
    return 0;
}

static void mean_norms(const struct circuit *last, const double *norm, size_t all, double mean[2])
{
    mean[0] = mean[1] = 0;
    for (size_t i = 0; i < all; i++)
        mean[!last->member[i]] += norm[i] / (double)(last->member[i] ? last->size : all - last->size);
}

static int run(const struct measure_probe *p, double *const *out, struct err *e)
{
    const struct layer l = layer_of(p);
    const struct circuit *last = p->found;
    neuron_norms(out[NORM], &l);
    const struct ranking r = rank(p, &l, out[NORM]);
    const size_t linear = linear_search(r.right, l.neurons), binary = binary_search(r.right, l.neurons);
    const struct circuit set = largest(&r, linear, l.neurons, p->scratch);
    const struct parts parts = parts_of(&l, &set, last, p->scratch);
    const bool found[] = { linear > 0, last->size > 0 };
    for (size_t i = 0; i < l.neurons; i++) {
        out[TOP][i] = (double)r.right[i + 1] / (double)p->data->train.n;
        if (linear) out[MEMBER][i] = set.member[i];
    }
    if (linear) out[LINEAR][0] = (double)linear;
    if (binary) out[BINARY][0] = (double)binary;
    if (last->size) mean_norms(last, out[NORM], l.neurons, out[CIRCUIT_NORM]);
    for (size_t which = 0; which < SETS; which++)
        if (look_at_set(p, &parts, which, found, out, e)) return -1;
    return layer_arity(out[ARITY], out[ARITY_PUBLISHED], &l, &p->data->train, p, e);
}

static int fits(const struct measure_site *at, struct err *e)
{
    if (at->model != &REAL_NAME(model_dense_mlp)) return err_set(e, ERR_SPEC, "needs model dense_mlp");
    const struct dense_mlp_config *c = at->model_config;
    if (c->layers != 1 || c->readout != READOUT_TRAINED || c->activation == DENSE_MLP_QUADRATIC)
        return err_set(e, ERR_SPEC, "needs one hidden layer, a trained readout, and activation relu, gelu or tanh");
    if (at->shape->vocabulary == 0 && at->shape->classes == 1 && !at->shape->regression) return 0;
    return err_set(e, ERR_SPEC, "needs a task whose inputs are numbers and whose answer is one sign");
}

const struct measure_kind measure_subnetwork = {
    .kind = { .name = "subnetwork",
              .summary =
                  "the few neurons with large norms that do all the work; those of the last checkpoint followed "
                  "from the first on",
              .source = "Merrill, Tsilivis, Shukla (arXiv 2303.11873), section 4" },
    .columns = columns,
    .fits = fits,
    .run = run,
    .look_back = look_back,
};
