/* Two maps that follow one another are one, where that is cheaper: the product of their matrices, and what goes
 * through it. No words of a list: net/rewrite.h puts them there. */
#include "net/operation.h"
#include "num/blas.h"
#include "num/real.h"

/* (rows, columns) = LEFT (rows, middle) RIGHT (middle, columns); rows and middle are those of `in`. */
enum { LEFT, RIGHT, BIAS = 1 };

static double products_matrix(const struct net_node *n, struct net_range live)
{
    (void)live;
    return (double)n->in.columns * (double)n->out.columns;
}

static void forward_matrix(const struct net_step *s)
{
    const struct net_node *n = s->node;
    blas_gemm_nn(s->out, s->theta + n->tensor[LEFT], s->theta + n->tensor[RIGHT], s->rows, n->out.columns,
                 n->in.columns, 0);
}

static void backward_matrix(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const size_t rows = s->rows, middle = n->in.columns, columns = n->out.columns;
    blas_gemm_nt(s->gradient + n->tensor[LEFT], s->dout, s->theta + n->tensor[RIGHT], rows, middle, columns, 1);
    blas_gemm_tn(s->gradient + n->tensor[RIGHT], s->theta + n->tensor[LEFT], s->dout, middle, columns, rows, 1);
}

const struct net_operation REAL_NAME(net_op_matrix) = {
    .kind = { .name = "matrix", .summary = "the product of two", .source = "" },
    .reach = NET_MATRIX,
    .products = products_matrix,
    .forward = forward_matrix,
    .backward = backward_matrix,
};

static struct net_range needs_through(const struct net_node *n, struct net_range live, int input)
{
    (void)n;
    return input == 0 ? live : (struct net_range){ 0, 1 };
}

static double products_through(const struct net_node *n, struct net_range live)
{
    return (double)live.count * (double)n->in.columns * (double)n->out.columns;
}

static void forward_through(const struct net_step *s)
{
    const struct net_node *n = s->node;
    blas_gemm_nt(s->out, s->in[0], s->seen[1]->at, s->rows, n->out.columns, n->in.columns, 0);
    if (n->tensor[BIAS] >= 0) net_add_columns(s->out, s->theta + n->tensor[BIAS], s->rows, n->out.columns);
}

static void backward_through(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const size_t units = n->out.columns, columns = n->in.columns;
    blas_gemm_tn(s->seen[1]->dat, s->dout, s->in[0], units, columns, s->rows, 1);
    if (n->tensor[BIAS] >= 0) net_sum_columns(s->gradient + n->tensor[BIAS], s->dout, s->rows, units);
    if (s->din[0]) blas_gemm_nn(s->din[0], s->dout, s->seen[1]->at, s->rows, columns, units, 0);
}

const struct net_operation REAL_NAME(net_op_through) = {
    .kind = { .name = "through", .summary = "what a matrix makes of each row", .source = "" },
    .reach = NET_ROWS,
    .by_matrix = true,
    .needs = needs_through,
    .products = products_through,
    .forward = forward_through,
    .backward = backward_through,
};
