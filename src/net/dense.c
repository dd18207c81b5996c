#include "net/operation.h"
#include "num/blas.h"
#include "num/real.h"

#include <math.h>

struct dense_keys {
    int64_t units;
    bool bias;
};

static const struct field fields[] = {
    FIELD_NUMBER(dense_keys, units, INT, NULL, "[1, 1000000]", "1", "numbers that it gives; as the first word"),
    FIELD_FLAG(dense_keys, bias, "true", "with b (units); bias=no: without"),
    FIELD_END,
};

enum { W, B };

static int shape(struct net_build *b, struct net_node *n, struct err *e)
{
    const struct dense_keys *k = n->keys;
    const double bound = 1 / sqrt((double)n->in.columns);
    n->out.columns = (size_t)k->units;
    return !NET_TENSOR(b, n, W, "W", bound, e, k->units, (int64_t)n->in.columns) ||
                   (k->bias && !NET_TENSOR(b, n, B, "b", bound, e, k->units))
               ? -1
               : 0;
}

static int lower(struct tape *t, const struct net_node *n, const int *in)
{
    const size_t inputs = n->in.columns, units = n->out.columns;
    const int out =
        tape_product(t, in[0], tape_weights(t, n->tensor[W], units * inputs), n->out.positions, units, inputs);
    return n->tensor[B] < 0 ? out : tape_add_row(t, out, tape_weights(t, n->tensor[B], units));
}

static double products(const struct net_node *n, struct net_range live)
{
    return (double)live.count * (double)n->in.columns * (double)n->out.columns;
}

static void forward(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const size_t rows = s->live.count * s->rows, units = n->out.columns;
    blas_gemm_nt(s->out, s->in[0], s->theta + n->tensor[W], rows, units, n->in.columns, 0);
    if (n->tensor[B] >= 0) net_add_columns(s->out, s->theta + n->tensor[B], rows, units);
}

static void backward(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const size_t rows = s->live.count * s->rows, units = n->out.columns, inputs = n->in.columns;
    blas_gemm_tn(s->gradient + n->tensor[W], s->dout, s->in[0], units, inputs, rows, 1);
    if (n->tensor[B] >= 0) net_sum_columns(s->gradient + n->tensor[B], s->dout, rows, units);
    if (s->din[0]) blas_gemm_nn(s->din[0], s->dout, s->theta + n->tensor[W], rows, inputs, units, 0);
}

const struct net_operation REAL_NAME(net_op_dense) = {
    .kind = { .name = "dense",
              .summary = "W x + b at each position, W (units, inputs); drawn uniformly within 1 / sqrt(inputs), as "
                         "PyTorch's Linear",
              .source = "",
              .fields = fields,
              .config_size = sizeof(struct dense_keys) },
    .words = 1,
    .takes = 1 << NET_ROW | 1 << NET_SEQUENCE,
    .reach = NET_ROWS,
    .shape = shape,
    .lower = lower,
    .products = products,
    .forward = forward,
    .backward = backward,
};
