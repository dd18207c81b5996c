#include "net/operation.h"
#include "num/blas.h"
#include "num/clones.h"
#include "num/real.h"
#include "num/sigmoid.h"

#include <math.h>
#include <string.h>

struct lstm_keys {
    int64_t units;
};

static const struct field fields[] = {
    FIELD_NUMBER(lstm_keys, units, INT, NULL, "[1, 65536]", "1", "width of its state; as the first word"),
    FIELD_END,
};

enum { W, U, B };

static int shape(struct net_build *b, struct net_node *n, struct err *e)
{
    const int64_t h = ((const struct lstm_keys *)n->keys)->units;
    const double bound = 1 / sqrt((double)h);
    n->out = (struct net_shape){ .form = NET_ROW, .positions = 1, .columns = (size_t)h };
    return NET_TENSOR(b, n, W, "W", bound, e, 4 * h, (int64_t)n->in.columns) &&
                   NET_TENSOR(b, n, U, "U", bound, e, 4 * h, h) && NET_TENSOR(b, n, B, "b", bound, e, 4 * h)
               ? 0
               : -1;
}

static struct net_range needs(const struct net_node *n, struct net_range live, int input)
{
    (void)live, (void)input;
    return (struct net_range){ 0, n->in.positions };
}

/* ---- as the formula reads ---- */

static int gate(struct tape *t, int gates, int which, size_t h, enum tape_function f)
{
    return tape_unary(t, tape_part(t, gates, (size_t)which * h, h), f, 0);
}

static int lower(struct tape *t, const struct net_node *n, const int *in)
{
    const size_t h = n->out.columns, d = n->in.columns;
    const int w = tape_weights(t, n->tensor[W], 4 * h * d), u = tape_weights(t, n->tensor[U], 4 * h * h);
    const int b = tape_weights(t, n->tensor[B], 4 * h);
    int out = -1, state = -1;
    for (size_t p = 0; p < n->in.positions; p++) {
        int gates = tape_add(t, tape_product(t, tape_part(t, in[0], p * d, d), w, 1, 4 * h, d), b);
        if (p) gates = tape_add(t, gates, tape_product(t, out, u, 1, 4 * h, h));
        const int fresh = tape_multiply(t, gate(t, gates, 0, h, TAPE_SIGMOID), gate(t, gates, 2, h, TAPE_TANH));
        state = p ? tape_add(t, tape_multiply(t, gate(t, gates, 1, h, TAPE_SIGMOID), state), fresh) : fresh;
        out = tape_multiply(t, gate(t, gates, 3, h, TAPE_SIGMOID), tape_unary(t, state, TAPE_TANH, 0));
    }
    return out;
}

static double products(const struct net_node *n, struct net_range live)
{
    const double h = (double)n->out.columns;
    (void)live;
    return 4 * h * ((double)n->in.positions * ((double)n->in.columns + h) - h);
}

/* ---- in chunks ---- */

/* Of each position: gates i f g o side by side, the state and what comes out; then two gradients of one position. */
struct work {
    size_t m, h, positions;
    real *gates, *state, *out, *dout, *dstate;
};

static struct work open(const struct net_step *s)
{
    const size_t m = s->rows, h = s->node->out.columns, P = s->node->in.positions, block = m * h;
    real *kept = s->kept;
    return (struct work){
        m, h, P, kept, kept + 4 * P * block, kept + 5 * P * block, kept + 6 * P * block, kept + 6 * P * block + block
    };
}

static size_t keeps(const struct net_node *n, struct net_range live, size_t rows)
{
    (void)live;
    return rows * n->out.columns * (6 * n->in.positions + 2);
}

CLONES static void cells(const struct work *w, size_t p)
{
    const size_t block = w->m * w->h;
    for (size_t i = 0; i < w->m; i++)
        for (size_t j = 0; j < w->h; j++) {
            real *gate = w->gates + 4 * (p * block + i * w->h) + j;
            const size_t at = p * block + i * w->h + j;
            gate[0] = sigmoid_of(gate[0]);
            gate[w->h] = sigmoid_of(gate[w->h]);
            gate[2 * w->h] = tanh_of(gate[2 * w->h]);
            gate[3 * w->h] = sigmoid_of(gate[3 * w->h]);
            const real before = p ? w->state[at - block] : 0;
            w->state[at] = gate[w->h] * before + gate[0] * gate[2 * w->h];
            w->out[at] = gate[3 * w->h] * tanh_of(w->state[at]);
        }
}

/* The gates become their gradients, before the squashing; dstate goes to the position before. */
CLONES static void cells_back(const struct work *w, size_t p)
{
    const size_t block = w->m * w->h;
    for (size_t i = 0; i < w->m; i++)
        for (size_t j = 0; j < w->h; j++) {
            real *gate = w->gates + 4 * (p * block + i * w->h) + j;
            const size_t at = p * block + i * w->h + j, own = i * w->h + j;
            const real in = gate[0], keep = gate[w->h], fresh = gate[2 * w->h], show = gate[3 * w->h];
            const real before = p ? w->state[at - block] : 0, t = tanh_of(w->state[at]);
            const real d = w->dstate[own] + w->dout[own] * show * (1 - t * t);
            gate[0] = d * fresh * in * (1 - in);
            gate[w->h] = d * before * keep * (1 - keep);
            gate[2 * w->h] = d * in * (1 - fresh * fresh);
            gate[3 * w->h] = w->dout[own] * t * show * (1 - show);
            w->dstate[own] = d * keep;
        }
}

static void forward(const struct net_step *s)
{
    const struct work w = open(s);
    const struct net_node *n = s->node;
    const size_t block = w.m * w.h, all = w.positions * w.m;
    blas_gemm_nt(w.gates, s->in[0], s->theta + n->tensor[W], all, 4 * w.h, n->in.columns, 0);
    net_add_columns(w.gates, s->theta + n->tensor[B], all, 4 * w.h);
    for (size_t p = 0; p < w.positions; p++) {
        if (p)
            blas_gemm_nt(w.gates + 4 * p * block, w.out + (p - 1) * block, s->theta + n->tensor[U], w.m, 4 * w.h, w.h,
                         1);
        cells(&w, p);
    }
    memcpy(s->out, w.out + (w.positions - 1) * block, block * sizeof(real));
}

static void backward(const struct net_step *s)
{
    const struct work w = open(s);
    const struct net_node *n = s->node;
    const size_t block = w.m * w.h, all = w.positions * w.m;
    memcpy(w.dout, s->dout, block * sizeof(real));
    memset(w.dstate, 0, block * sizeof(real));
    for (size_t p = w.positions; p-- > 0;) {
        cells_back(&w, p);
        if (p) blas_gemm_nn(w.dout, w.gates + 4 * p * block, s->theta + n->tensor[U], w.m, w.h, 4 * w.h, 0);
    }
    blas_gemm_tn(s->gradient + n->tensor[W], w.gates, s->in[0], 4 * w.h, n->in.columns, all, 1);
    net_sum_columns(s->gradient + n->tensor[B], w.gates, all, 4 * w.h);
    if (w.positions > 1)
        blas_gemm_tn(s->gradient + n->tensor[U], w.gates + 4 * block, w.out, 4 * w.h, w.h, all - w.m, 1);
    if (s->din[0]) blas_gemm_nn(s->din[0], w.gates, s->theta + n->tensor[W], all, n->in.columns, 4 * w.h, 0);
}

const struct net_operation REAL_NAME(net_op_lstm) = {
    .kind = { .name = "lstm",
              .summary =
                  "a recurrent cell over the positions, of which the last state remains: gates i f g o from W (4 "
                  "units, width), U (4 units, units) and b; drawn uniformly within 1 / sqrt(units), as PyTorch",
              .source = "Hochreiter and Schmidhuber (Neural Computation 9, 1997)",
              .fields = fields,
              .config_size = sizeof(struct lstm_keys) },
    .words = 1,
    .takes = 1 << NET_SEQUENCE,
    .shape = shape,
    .needs = needs,
    .lower = lower,
    .products = products,
    .keeps = keeps,
    .forward = forward,
    .backward = backward,
};
