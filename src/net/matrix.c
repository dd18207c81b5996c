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
    blas_gemm_nt(s->gradient + n->tensor[LEFT], s->dout, s->theta + n->tensor[RIGHT], rows, middle, columns,
                 s->fresh >> LEFT & 1 ? 0 : 1);
    blas_gemm_tn(s->gradient + n->tensor[RIGHT], s->theta + n->tensor[LEFT], s->dout, middle, columns, rows,
                 s->fresh >> RIGHT & 1 ? 0 : 1);
}

const struct net_operation REAL_NAME(net_op_matrix) = {
    .kind = { .name = "matrix", .summary = "the product of two", .source = "" },
    .reach = NET_MATRIX,
    .sets = 1 << LEFT | 1 << RIGHT,
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
    net_map(s, s->seen[1]->at, s->node->tensor[BIAS]);
}

static void backward_through(const struct net_step *s)
{
    net_map_back(s, s->seen[1]->at, s->seen[1]->dat, 1, s->node->tensor[BIAS]);
}

const struct net_operation REAL_NAME(net_op_through) = {
    .kind = { .name = "through", .summary = "what a matrix makes of each row", .source = "" },
    .reach = NET_ROWS,
    .by_matrix = true,
    .turns = true,
    .needs = needs_through,
    .products = products_through,
    .forward = forward_through,
    .backward = backward_through,
};
