/* Numbers normalised over the examples of a step; what an evaluation takes in their place is kept among the tensors.
 *
 *  In training, mean and variance are those of the step, over its examples and all positions; the gradient of the two
 * kept tensors is what they become: kept + RATE (the step's - kept).
 */
#include "net/operation.h"
#include "num/clones.h"
#include "num/real.h"

#include <math.h>

enum { GAIN, SHIFT, MEAN, VARIANCE };
static const double EPSILON = 1e-5, RATE = 0.1; /* PyTorch's */

static struct tensor *kept_tensor(struct net_build *b, struct net_node *n, int at, const char *letter, double first,
                                  struct err *e)
{
    struct tensor *t = NET_TENSOR(b, n, at, letter, 0, e, (int64_t)n->in.columns);
    if (!t) return NULL;
    if (t == &b->spare) {
        err_set(e, ERR_SPEC, "%s.%s cannot be tied: it is no weight", b->name, letter);
        return NULL;
    }
    t->init_mean = first;
    t->state = true;
    t->prunable = false;
    t->lr = t->decay = 0;
    return t;
}

static int shape(struct net_build *b, struct net_node *n, struct err *e)
{
    return !kept_tensor(b, n, MEAN, "mean", 0, e) || !kept_tensor(b, n, VARIANCE, "variance", 1, e) ? -1 : 0;
}

/* What an evaluation computes. */
static int lower(struct tape *t, const struct net_node *n, const int *in)
{
    const size_t columns = n->in.columns, size = net_size(&n->in);
    const int mean = tape_scale(t, tape_weights(t, n->tensor[MEAN], columns), -1);
    const int rate = tape_unary(t, tape_weights(t, n->tensor[VARIANCE], columns), TAPE_RSQRT, EPSILON);
    const int out = tape_multiply(t, tape_add_row(t, in[0], mean), tape_repeat(t, rate, size));
    if (n->tensor[GAIN] < 0) return out;
    const int gain = tape_repeat(t, tape_weights(t, n->tensor[GAIN], columns), size);
    return tape_add_row(t, tape_multiply(t, out, gain), tape_weights(t, n->tensor[SHIFT], columns));
}

/* A step's statistics are of all positions. */
static struct net_range needs(const struct net_node *n, struct net_range live, int input)
{
    (void)live, (void)input;
    return (struct net_range){ 0, n->in.positions };
}

/* Of each column: mean, 1 / standard deviation, variance. */
enum { KEPT = 3 };
static size_t keeps(const struct net_node *n, struct net_range live, size_t rows)
{
    (void)live, (void)rows;
    return KEPT * n->in.columns;
}

/* Sums of so many columns side by side, row after row: one order on every level. */
enum { LANES = 16 };

struct lanes {
    double sum[LANES];
};

/* Of x - mean, or of (x - mean)^2. */
CLONED_WITH_CALLER struct lanes sum_of(const real *x, const double *mean, size_t rows, size_t columns, size_t lanes,
                                       bool squares)
{
    struct lanes s = { { 0 } };
    for (size_t r = 0; r < rows; r++, x += columns)
        for (size_t k = 0; k < lanes; k++) {
            const double d = (double)x[k] - mean[k];
            s.sum[k] += squares ? d * d : d;
        }
    return s;
}

CLONES static void measure(real *restrict kept, const real *restrict in, size_t rows, size_t columns)
{
    real *mean = kept, *rate = kept + columns, *variance = kept + 2 * columns;
    for (size_t j = 0; j < columns; j += LANES) {
        const size_t lanes = columns - j < LANES ? columns - j : LANES;
        double middle[LANES] = { 0 };
        struct lanes s = sum_of(in + j, middle, rows, columns, lanes, false);
        for (size_t k = 0; k < lanes; k++) middle[k] = s.sum[k] / (double)rows;
        s = sum_of(in + j, middle, rows, columns, lanes, true);
        for (size_t k = 0; k < lanes; k++) {
            mean[j + k] = (real)middle[k];
            variance[j + k] = (real)(s.sum[k] / (double)rows);
            rate[j + k] = (real)(1 / sqrt(s.sum[k] / (double)rows + EPSILON));
        }
    }
}

/* out = (in - mean) rate gain + shift; gain NULL: without these two. */
CLONES static void normalise(real *restrict out, const real *restrict in, const real *restrict mean,
                             const real *restrict rate, const real *restrict gain, const real *restrict shift,
                             size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, in += columns, out += columns)
        for (size_t j = 0; j < columns; j++) {
            const real x = (in[j] - mean[j]) * rate[j];
            out[j] = gain ? x * gain[j] + shift[j] : x;
        }
}

static const real *tensor_at(const struct net_step *s, int at)
{
    return s->node->tensor[at] < 0 ? NULL : s->theta + s->node->tensor[at];
}

static void forward(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const size_t columns = n->in.columns;
    const real *mean = s->training ? s->kept : tensor_at(s, MEAN);
    if (s->training) measure(s->kept, s->in[0], n->in.positions * s->rows, columns);
    for (size_t j = 0; !s->training && j < columns; j++)
        s->kept[columns + j] = (real)(1 / sqrt((double)tensor_at(s, VARIANCE)[j] + EPSILON));
    normalise(s->out, s->in[0] + s->live.first * s->rows * columns, mean, s->kept + columns, tensor_at(s, GAIN),
              tensor_at(s, SHIFT), s->live.count * s->rows, columns);
}

/* dshift and dgain of so many columns: the sums of d and of d times the normalised number. */
CLONED_WITH_CALLER void sum_slopes(struct lanes *d, struct lanes *along, const real *dout, const real *in,
                                   const real *mean, const real *rate, size_t rows, size_t columns, size_t lanes)
{
    for (size_t r = 0; r < rows; r++, dout += columns, in += columns)
        for (size_t k = 0; k < lanes; k++) {
            d->sum[k] += (double)dout[k];
            along->sum[k] += (double)dout[k] * (((double)in[k] - (double)mean[k]) * (double)rate[k]);
        }
}

/* The gradient by the normalised number is d gain where the position is live, and 0 elsewhere; din = rate (that - its
 * mean - normal mean(that normal)).  In an evaluation mean and rate are given, and din = rate d gain. */
struct slopes {
    const real *mean, *rate, *gain;
    size_t first, live, rows; /* rows before those that are live, live ones, all */
    size_t columns;
    bool training;
};

CLONED_WITH_CALLER void back_lanes(real *din, const real *dout, const real *in, const struct slopes *s, size_t lanes,
                                   const struct lanes *d, const struct lanes *along)
{
    for (size_t r = 0; r < s->rows; r++, din += s->columns, in += s->columns) {
        const bool live = r >= s->first && r < s->first + s->live;
        for (size_t k = 0; k < lanes; k++) {
            const double rate = (double)s->rate[k], gain = s->gain ? (double)s->gain[k] : 1;
            const double slope = live ? (double)dout[k] : 0;
            const double normal = ((double)in[k] - (double)s->mean[k]) * rate;
            const double common = (d->sum[k] + normal * along->sum[k]) / (double)s->rows;
            din[k] = (real)(rate * gain * (slope - (s->training ? common : 0)));
        }
        dout += live ? s->columns : 0;
    }
}

CLONES static void back(real *restrict din, real *restrict dgain, real *restrict dshift, const real *restrict dout,
                        const real *restrict in, const struct slopes *all)
{
    for (size_t j = 0; j < all->columns; j += LANES) {
        const size_t lanes = all->columns - j < LANES ? all->columns - j : LANES;
        struct slopes s = *all;
        struct lanes d = { { 0 } }, along = { { 0 } };
        s.mean += j;
        s.rate += j;
        if (s.gain) s.gain += j;
        sum_slopes(&d, &along, dout + j, in + s.first * s.columns + j, s.mean, s.rate, s.live, s.columns, lanes);
        for (size_t k = 0; k < lanes && dgain; k++) {
            dgain[j + k] += (real)along.sum[k];
            dshift[j + k] += (real)d.sum[k];
        }
        if (din) back_lanes(din + j, dout + j, in + j, &s, lanes, &d, &along);
    }
}

/* The variance that is kept is that of the numbers from which the step's were drawn. */
static void keep(const struct net_step *s, size_t rows)
{
    const size_t columns = s->node->in.columns;
    const double unbiased = rows > 1 ? (double)rows / (double)(rows - 1) : 1;
    const real *mean = tensor_at(s, MEAN), *variance = tensor_at(s, VARIANCE);
    for (size_t j = 0; j < columns; j++) {
        const double now = (double)s->kept[j], spread = unbiased * (double)s->kept[2 * columns + j];
        s->gradient[(size_t)s->node->tensor[MEAN] + j] = (real)((1 - RATE) * (double)mean[j] + RATE * now);
        s->gradient[(size_t)s->node->tensor[VARIANCE] + j] = (real)((1 - RATE) * (double)variance[j] + RATE * spread);
    }
}

static void backward(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const size_t columns = n->in.columns, rows = n->in.positions * s->rows;
    const struct slopes slopes = { .mean = s->training ? s->kept : tensor_at(s, MEAN),
                                   .rate = s->kept + columns,
                                   .gain = tensor_at(s, GAIN),
                                   .first = s->live.first * s->rows,
                                   .live = s->live.count * s->rows,
                                   .rows = rows,
                                   .columns = columns,
                                   .training = s->training != NULL };
    const bool affine = n->tensor[GAIN] >= 0;
    back(s->din[0], affine ? s->gradient + n->tensor[GAIN] : NULL, affine ? s->gradient + n->tensor[SHIFT] : NULL,
         s->dout, s->in[0], &slopes);
    if (s->training) keep(s, rows);
}

const struct net_operation REAL_NAME(net_op_batch) = {
    .kind = { .name = "batch", .summary = "", .source = "" },
    .noisy = true,
    .whole = true,
    .shape = shape,
    .needs = needs,
    .lower = lower,
    .keeps = keeps,
    .forward = forward,
    .backward = backward,
};
