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

void net_map(const struct net_step *s, const real *weights, const real *bias)
{
    const size_t rows = s->live.count * s->rows, units = s->node->out.columns, inputs = s->node->in.columns;
    if (s->turned)
        blas_gemm_nt(s->out, weights, s->in[0], units, rows, inputs, 0);
    else
        blas_gemm_nt(s->out, s->in[0], weights, rows, units, inputs, 0);
    if (bias && s->turned) net_add_rows(s->out, bias, units, rows);
    if (bias && !s->turned) net_add_columns(s->out, bias, rows, units);
}

void net_map_back(const struct net_step *s, const real *weights, real *slope, real beta, real *dbias)
{
    const size_t rows = s->live.count * s->rows, units = s->node->out.columns, inputs = s->node->in.columns;
    if (s->turned) {
        blas_gemm_nn(slope, s->dout, s->in[0], units, inputs, rows, beta);
        if (dbias) net_sum_rows(dbias, s->dout, units, rows);
        if (s->din[0]) blas_gemm_tn(s->din[0], s->dout, weights, rows, inputs, units, 0);
        return;
    }
    blas_gemm_tn(slope, s->dout, s->in[0], units, inputs, rows, beta);
    if (dbias) net_sum_columns(dbias, s->dout, rows, units);
    if (s->din[0]) blas_gemm_nn(s->din[0], s->dout, weights, rows, inputs, units, 0);
}

/* Columns of a matrix. */
static bool is_part(const struct net_node *n)
{
    return n->line > n->in.columns;
}

static size_t keeps(const struct net_node *n, struct net_range live, size_t rows)
{
    (void)live, (void)rows;
    return is_part(n) ? 2 * n->out.columns * n->in.columns : 0;
}

static void forward(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const real *weights = s->theta + n->tensor[W];
    if (is_part(n)) {
        net_take_lines(s->kept, weights, n->out.columns, n->in.columns, n->line);
        weights = s->kept;
    }
    net_map(s, weights, n->tensor[B] < 0 ? NULL : s->theta + n->tensor[B]);
}

static void backward(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const size_t size = n->out.columns * n->in.columns;
    real *dbias = n->tensor[B] < 0 ? NULL : s->gradient + n->tensor[B];
    if (is_part(n)) {
        net_map_back(s, s->kept, s->kept + size, 0, dbias);
        net_add_lines(s->gradient + n->tensor[W], s->kept + size, n->out.columns, n->in.columns, n->line);
        return;
    }
    net_map_back(s, s->theta + n->tensor[W], s->gradient + n->tensor[W], s->fresh >> W & 1 ? 0 : 1, dbias);
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
    .turns = true,
    .sets = 1 << W,
    .shape = shape,
    .lower = lower,
    .products = products,
    .keeps = keeps,
    .forward = forward,
    .backward = backward,
};
