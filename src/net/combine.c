/* What residual, sum, product and concat make of their branches. */
#include "net/operation.h"
#include "num/clones.h"
#include "num/real.h"

#include <string.h>

static int same_shapes(const struct net_build *b, const struct net_node *n, bool columns, struct err *e)
{
    char one[NET_SHAPE_TEXT], other[NET_SHAPE_TEXT];
    for (int i = 0; i < n->inputs; i++) {
        const struct net_shape *s = &b->graph->node[n->input[i]].out;
        if (s->form == NET_SYMBOLS)
            return err_set(e, ERR_SPEC, "what is put together must be numbers, and branch %d gives %s", i + 1,
                           net_shape_text(s, one));
        if (s->form == n->in.form && s->positions == n->in.positions && s->height == n->in.height &&
            (!columns || s->columns == n->in.columns))
            continue;
        return err_set(e, ERR_SPEC, "the shapes differ: one is %s, the other %s", net_shape_text(&n->in, one),
                       net_shape_text(s, other));
    }
    return 0;
}

static int shape_equal(struct net_build *b, struct net_node *n, struct err *e)
{
    return same_shapes(b, n, true, e);
}

/* ---- add ---- */

static int lower_add(struct tape *t, const struct net_node *n, const int *in)
{
    int sum = in[0];
    for (int i = 1; i < n->inputs; i++) sum = tape_add(t, sum, in[i]);
    return sum;
}

CLONED_WITH_CALLER const real *row_of(const struct net_seen *p, size_t r, size_t columns)
{
    return p->at + (p->row ? (size_t)p->row[r] : r) * columns;
}

/* Of one block: each row is the sum of those that it is made of. */
CLONES static void add_rows(const struct net_step *s, size_t block, real *restrict out, size_t columns)
{
    const struct net_seen *first = &s->seen[0][block], *second = s->inputs > 1 ? &s->seen[1][block] : NULL;
    for (size_t r = 0; r < first->rows; r++, out += columns) {
        const real *restrict x = row_of(first, r, columns), *restrict y = second ? row_of(second, r, columns) : x;
        for (size_t j = 0; j < columns; j++) out[j] = second ? x[j] + y[j] : x[j];
        for (size_t i = 2; i < s->inputs; i++) {
            y = row_of(&s->seen[i][block], r, columns);
            for (size_t j = 0; j < columns; j++) out[j] += y[j];
        }
    }
}

CLONES static void add_rows_back(const struct net_seen *p, const real *restrict dout, size_t columns)
{
    for (size_t r = 0; r < p->rows; r++, dout += columns) {
        real *restrict d = p->dat + (p->row ? (size_t)p->row[r] : r) * columns;
        for (size_t j = 0; j < columns; j++) d[j] += dout[j];
    }
}

static void forward_add(const struct net_step *s)
{
    const size_t columns = s->node->out.columns;
    real *out = s->out;
    for (size_t b = 0; b < s->seens; out += s->seen[0][b++].rows * columns) add_rows(s, b, out, columns);
}

static double sums_add(const struct net_node *n, struct net_range live)
{
    return (double)live.count * (double)n->out.columns * n->inputs;
}

static void backward_add(const struct net_step *s)
{
    const size_t columns = s->node->out.columns;
    for (size_t i = 0; i < s->inputs; i++) {
        const real *dout = s->dout;
        for (size_t b = 0; b < s->seens; dout += s->seen[i][b++].rows * columns)
            if (s->seen[i][b].dat) add_rows_back(&s->seen[i][b], dout, columns);
    }
}

const struct net_operation REAL_NAME(net_op_add) = {
    .kind = { .name = "sum", .summary = "the sum of its branches", .source = "" },
    .reach = NET_ROWS,
    .gathers = true,
    .shape = shape_equal,
    .lower = lower_add,
    .sums = sums_add,
    .forward = forward_add,
    .backward = backward_add,
};

/* ---- times ---- */

static int lower_times(struct tape *t, const struct net_node *n, const int *in)
{
    int product = in[0];
    for (int i = 1; i < n->inputs; i++) product = tape_multiply(t, product, in[i]);
    return product;
}

CLONES static void multiply(real *restrict out, const real *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] *= x[i];
}

static void forward_times(const struct net_step *s)
{
    const size_t n = net_count(s);
    memcpy(s->out, s->in[0], n * sizeof *s->out);
    for (size_t i = 1; i < s->inputs; i++) multiply(s->out, s->in[i], n);
}

static void backward_times(const struct net_step *s)
{
    const size_t n = net_count(s);
    for (size_t i = 0; i < s->inputs; i++) {
        if (!s->din[i]) continue;
        memcpy(s->din[i], s->dout, n * sizeof *s->dout);
        for (size_t j = 0; j < s->inputs; j++)
            if (j != i) multiply(s->din[i], s->in[j], n);
    }
}

const struct net_operation REAL_NAME(net_op_times) = {
    .kind = { .name = "product", .summary = "the product of its branches, number by number", .source = "" },
    .reach = NET_ROWS,
    .shape = shape_equal,
    .lower = lower_times,
    .forward = forward_times,
    .backward = backward_times,
};

/* ---- join: the columns of one behind those of the other ---- */

static int shape_join(struct net_build *b, struct net_node *n, struct err *e)
{
    if (same_shapes(b, n, false, e)) return -1;
    for (int i = 1; i < n->inputs; i++) n->out.columns += b->graph->node[n->input[i]].out.columns;
    return 0;
}

static int lower_join(struct tape *t, const struct net_node *n, const int *in)
{
    int sum = -1;
    size_t first = 0;
    for (int i = 0; i < n->inputs; i++) {
        const size_t columns = t->entry[in[i]].size / n->out.positions;
        int32_t *index = tape_gather(t, in[i], n->out.positions * n->out.columns);
        for (size_t p = 0; p < n->out.positions; p++)
            for (size_t c = 0; c < n->out.columns; c++)
                index[p * n->out.columns + c] =
                    c >= first && c < first + columns ? (int32_t)(p * columns + c - first) : -1;
        sum = i ? tape_add(t, sum, tape_last(t)) : tape_last(t);
        first += columns;
    }
    return sum;
}

/* Between the rows of out and those of each branch, which stand side by side in it. */
static void move(const struct net_step *s, bool back)
{
    const size_t rows = s->live.count * s->rows, all = s->node->out.columns;
    size_t first = 0;
    for (size_t i = 0; i < s->inputs; i++) {
        const size_t columns = s->columns[i];
        for (size_t r = 0; r < rows && (!back || s->din[i]); r++)
            if (back)
                memcpy(s->din[i] + r * columns, s->dout + r * all + first, columns * sizeof(real));
            else
                memcpy(s->out + r * all + first, s->in[i] + r * columns, columns * sizeof(real));
        first += columns;
    }
}

static void forward_join(const struct net_step *s)
{
    move(s, false);
}

static void backward_join(const struct net_step *s)
{
    move(s, true);
}

const struct net_operation REAL_NAME(net_op_join) = {
    .kind = { .name = "concat", .summary = "its branches side by side", .source = "" },
    .reach = NET_ROWS,
    .shape = shape_join,
    .lower = lower_join,
    .forward = forward_join,
    .backward = backward_join,
};
