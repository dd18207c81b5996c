/* Two maps that follow one another are one, where that is cheaper: the product of their matrices, and what goes
 * through it. No words of a list: net/rewrite.h puts them there. */
#include "net/operation.h"
#include "num/blas.h"
#include "num/real.h"

#include <string.h>

/* (rows, columns) = LEFT (rows, middle) RIGHT (middle, columns); rows and middle are those of `in`. */
enum { LEFT, RIGHT, BIAS = 1, OUTER, INNER };

static double products_matrix(const struct net_node *n, struct net_range live)
{
    (void)live;
    return (double)n->in.columns * (double)n->out.columns;
}

/* RIGHT may be columns of a matrix. */
static size_t keeps_matrix(const struct net_node *n, struct net_range live, size_t rows)
{
    (void)live, (void)rows;
    return n->line ? 2 * n->in.columns * n->out.columns : 0;
}

static void forward_matrix(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const real *right = s->theta + n->tensor[RIGHT];
    if (n->line) {
        net_take_lines(s->kept, right, n->in.columns, n->out.columns, n->line);
        right = s->kept;
    }
    blas_gemm_nn(s->out, s->theta + n->tensor[LEFT], right, s->rows, n->out.columns, n->in.columns, 0);
}

static void backward_matrix(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const size_t rows = s->rows, middle = n->in.columns, columns = n->out.columns;
    const real *right = n->line ? s->kept : s->theta + n->tensor[RIGHT];
    real *dright = n->line ? s->kept + middle * columns : s->gradient + n->tensor[RIGHT];
    blas_gemm_nt(s->gradient + n->tensor[LEFT], s->dout, right, rows, middle, columns, s->fresh >> LEFT & 1 ? 0 : 1);
    blas_gemm_tn(dright, s->theta + n->tensor[LEFT], s->dout, middle, columns, rows,
                 n->line || s->fresh >> RIGHT & 1 ? 0 : 1);
    if (n->line) net_add_lines(s->gradient + n->tensor[RIGHT], dright, middle, columns, n->line);
}

const struct net_operation REAL_NAME(net_op_matrix) = {
    .kind = { .name = "matrix", .summary = "the product of two", .source = "" },
    .reach = NET_MATRIX,
    .sets = 1 << LEFT | 1 << RIGHT,
    .keeps = keeps_matrix,
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

/* The bias of the first map goes through the second, OUTER (units, line), to the second's own. */
static void forward_through(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const real *own = n->tensor[BIAS] < 0 ? NULL : s->theta + n->tensor[BIAS];
    if (n->tensor[INNER] < 0) {
        net_map(s, s->seen[1]->at, own);
        return;
    }
    blas_gemm_nt(s->kept, s->theta + n->tensor[INNER], s->theta + n->tensor[OUTER], 1, n->out.columns, n->line, 0);
    if (own) net_add_columns(s->kept, own, 1, n->out.columns);
    net_map(s, s->seen[1]->at, s->kept);
}

static void backward_through(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const size_t units = n->out.columns;
    real *own = n->tensor[BIAS] < 0 ? NULL : s->gradient + n->tensor[BIAS], *slope = s->kept;
    if (n->tensor[INNER] < 0) {
        net_map_back(s, s->seen[1]->at, s->seen[1]->dat, 1, own);
        return;
    }
    memset(slope, 0, units * sizeof *slope);
    net_map_back(s, s->seen[1]->at, s->seen[1]->dat, 1, slope);
    if (own) net_add_columns(own, slope, 1, units);
    blas_gemm_tn(s->gradient + n->tensor[OUTER], slope, s->theta + n->tensor[INNER], units, n->line, 1, 1);
    blas_gemm_nn(s->gradient + n->tensor[INNER], slope, s->theta + n->tensor[OUTER], 1, n->line, units, 1);
}

static size_t keeps_through(const struct net_node *n, struct net_range live, size_t rows)
{
    (void)live, (void)rows;
    return n->tensor[INNER] < 0 ? 0 : n->out.columns;
}

const struct net_operation REAL_NAME(net_op_through) = {
    .kind = { .name = "through", .summary = "what a matrix makes of each row", .source = "" },
    .reach = NET_ROWS,
    .by_matrix = true,
    .turns = true,
    .needs = needs_through,
    .keeps = keeps_through,
    .products = products_through,
    .forward = forward_through,
    .backward = backward_through,
};
