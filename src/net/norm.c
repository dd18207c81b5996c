/* Normalised numbers, and numbers that are left out at random. */
#include "base/rng.h"
#include "base/text.h"
#include "net/operation.h"
#include "num/clones.h"
#include "num/real.h"

#include <math.h>
#include <string.h>

/* ---- norm ---- */

enum { LAYER, BATCH };
static const char *const sorts[] = { [LAYER] = "layer", [BATCH] = "batch", NULL };

struct norm_keys {
    int sort;
    bool affine;
};

static const struct field norm_fields[] = {
    FIELD_CHOSEN(
        norm_keys, sort, CHOICE, "layer", sorts,
        "layer: each position's numbers; batch: each number over the examples, and positions or pixels, of a step, "
        "all of which are in memory at once; an evaluation, snip, grasp, synflow and measures take the means of "
        "steps "
        "before, mean and variance (width), 0 and 1 at first, which come nearer by a tenth a step, are no weights, "
        "and "
        "go wherever the weights go; as the first word"),
    FIELD_FLAG(norm_keys, affine, "true", "then times gain plus shift (width), drawn as 1 and 0; affine=no: without"),
    FIELD_END,
};

enum { GAIN, SHIFT };
static const double EPSILON = 1e-5; /* PyTorch's */

static int shape_norm(struct net_build *b, struct net_node *n, struct err *e)
{
    const struct norm_keys *k = n->keys;
    if (k->sort == LAYER && n->in.form == NET_IMAGE)
        return err_set(e, ERR_SPEC, "norm layer takes no image; norm batch does");
    if (k->affine) {
        struct tensor *gain = NET_TENSOR(b, n, GAIN, "gain", 0, e, (int64_t)n->in.columns);
        if (!gain || !NET_TENSOR(b, n, SHIFT, "shift", 0, e, (int64_t)n->in.columns)) return -1;
        gain->init_mean = 1;
    }
    if (k->sort == LAYER) return 0;
    n->op = NET_OP_batch;
    return REAL_NAME(net_op_batch).shape(b, n, e);
}

static int lower_norm(struct tape *t, const struct net_node *n, const int *in)
{
    const size_t columns = n->in.columns, size = net_size(&n->in);
    const double part = 1 / (double)columns;
    const int mean = tape_scale(t, tape_sum(t, in[0], columns), -part);
    const int centred = tape_add(t, in[0], tape_spread(t, mean, columns));
    const int variance = tape_scale(t, tape_sum(t, tape_multiply(t, centred, centred), columns), part);
    const int rate = tape_spread(t, tape_unary(t, variance, TAPE_RSQRT, EPSILON), columns);
    const int out = tape_multiply(t, centred, rate);
    if (n->tensor[GAIN] < 0) return out;
    const int gain = tape_repeat(t, tape_weights(t, n->tensor[GAIN], columns), size);
    return tape_add_row(t, tape_multiply(t, out, gain), tape_weights(t, n->tensor[SHIFT], columns));
}

/* The normalised numbers, and 1 / standard deviation of each row. */
static size_t keeps_norm(const struct net_node *n, struct net_range live, size_t rows)
{
    return live.count * rows * (n->in.columns + 1);
}

/* Sums are made in LANES, and then in a tree: the same bits on every level. */
enum { LANES = 16 };

CLONED_WITH_CALLER double sum_lanes(double *lane)
{
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t k = 0; k < half; k++) lane[k] += lane[k + half];
    return lane[0];
}

CLONED_WITH_CALLER double sum_of(const real *x, size_t n)
{
    double lane[LANES] = { 0 };
    size_t j = 0;
    for (; j + LANES <= n; j += LANES)
        for (size_t k = 0; k < LANES; k++) lane[k] += (double)x[j + k];
    for (size_t k = 0; j + k < n; k++) lane[k] += (double)x[j + k];
    return sum_lanes(lane);
}

/* Of (x - mean) (y - mean). */
CLONED_WITH_CALLER double sum_of_products(const real *x, const real *y, double mean, size_t n)
{
    double lane[LANES] = { 0 };
    size_t j = 0;
    for (; j + LANES <= n; j += LANES)
        for (size_t k = 0; k < LANES; k++) lane[k] += ((double)x[j + k] - mean) * ((double)y[j + k] - mean);
    for (size_t k = 0; j + k < n; k++) lane[k] += ((double)x[j + k] - mean) * ((double)y[j + k] - mean);
    return sum_lanes(lane);
}

CLONES static void normalise(real *restrict out, real *restrict rate, const real *restrict in, size_t rows,
                             size_t columns)
{
    for (size_t r = 0; r < rows; r++, in += columns, out += columns) {
        const double mean = sum_of(in, columns) / (double)columns;
        const double by = 1 / sqrt(sum_of_products(in, in, mean, columns) / (double)columns + EPSILON);
        rate[r] = (real)by;
        for (size_t j = 0; j < columns; j++) out[j] = (real)(((double)in[j] - mean) * by);
    }
}

CLONES static void multiply_columns(real *restrict out, const real *restrict x, const real *restrict by, size_t rows,
                                    size_t columns)
{
    for (size_t r = 0; r < rows; r++, x += columns, out += columns)
        for (size_t j = 0; j < columns; j++) out[j] = x[j] * by[j];
}

static void forward_norm(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const size_t columns = n->in.columns, rows = s->live.count * s->rows;
    real *normal = s->kept, *rate = s->kept + rows * columns;
    normalise(normal, rate, s->in[0], rows, columns);
    if (n->tensor[GAIN] < 0) {
        memcpy(s->out, normal, rows * columns * sizeof *normal);
        return;
    }
    multiply_columns(s->out, normal, s->theta + n->tensor[GAIN], rows, columns);
    net_add_columns(s->out, s->theta + n->tensor[SHIFT], rows, columns);
}

/* d is the gradient by the normalised numbers: din = rate (d - mean(d) - normal mean(d normal)). */
CLONES static void normalise_back(real *restrict din, const real *restrict d, const real *restrict normal,
                                  const real *restrict rate, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, din += columns, d += columns, normal += columns) {
        const double mean = sum_of(d, columns) / (double)columns;
        const double along = sum_of_products(d, normal, 0, columns) / (double)columns;
        for (size_t j = 0; j < columns; j++)
            din[j] = (real)((double)rate[r] * ((double)d[j] - mean - (double)normal[j] * along));
    }
}

CLONES static void gain_back(real *restrict dgain, const real *restrict dout, const real *restrict normal,
                             size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, dout += columns, normal += columns)
        for (size_t j = 0; j < columns; j++) dgain[j] += dout[j] * normal[j];
}

static void backward_norm(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const size_t columns = n->in.columns, rows = s->live.count * s->rows;
    const real *normal = s->kept, *rate = s->kept + rows * columns, *d = s->dout;
    if (n->tensor[GAIN] >= 0) {
        gain_back(s->gradient + n->tensor[GAIN], s->dout, normal, rows, columns);
        net_sum_columns(s->gradient + n->tensor[SHIFT], s->dout, rows, columns);
        multiply_columns(s->out, s->dout, s->theta + n->tensor[GAIN], rows, columns); /* out is read no more */
        d = s->out;
    }
    if (s->din[0]) normalise_back(s->din[0], d, normal, rate, rows, columns);
}

const struct net_operation REAL_NAME(net_op_norm) = {
    .kind = { .name = "norm",
              .summary = "(x - mean) / sqrt(variance + 1e-5)",
              .source = "Ba et al. (arXiv 1607.06450); Ioffe and Szegedy (1502.03167), of batch",
              .fields = norm_fields,
              .config_size = sizeof(struct norm_keys) },
    .words = 1,
    .takes = 1 << NET_ROW | 1 << NET_SEQUENCE | 1 << NET_IMAGE,
    .reach = NET_ROWS,
    .shape = shape_norm,
    .lower = lower_norm,
    .keeps = keeps_norm,
    .forward = forward_norm,
    .backward = backward_norm,
};

/* ---- dropout ---- */

struct dropout_keys {
    double rate;
};

static const struct field dropout_fields[] = {
    FIELD_NUMBER(dropout_keys, rate, REAL, NULL, "[0, 1)", "1",
                 "part of the numbers that a step of training leaves out; as the first word"),
    FIELD_END,
};

static int lower_dropout(struct tape *t, const struct net_node *n, const int *in)
{
    (void)t, (void)n;
    return in[0]; /* a plain network is that of evaluation */
}

/* What each number is multiplied by. */
static size_t keeps_dropout(const struct net_node *n, struct net_range live, size_t rows)
{
    return live.count * rows * n->out.columns;
}

/* From a stream of the place and the step, at a point that is the example's and the position's alone. */
static void draw(const struct net_step *s, double rate)
{
    const struct net_node *n = s->node;
    const size_t columns = n->out.columns, blocks = (columns + 3) / 4; /* a block is four words */
    const uint32_t below = (uint32_t)(rate * 0x1p32);
    const real kept = (real)(1 / (1 - rate));
    char stream[LAYOUT_NAME + 48];
    text_brief(stream, sizeof stream, "dropout/%lld/%s", (long long)s->training->step, n->place);
    struct rng r = rng_open(s->training->seed, stream);
    real *out = s->kept;
    for (size_t p = 0; p < s->live.count; p++)
        for (size_t i = 0; i < s->rows; i++) {
            r.block = ((s->first + i) * n->out.positions + s->live.first + p) * blocks;
            r.left = 0;
            for (size_t j = 0; j < columns; j++) *out++ = rng_u32(&r) < below ? 0 : kept;
        }
}

static void forward_dropout(const struct net_step *s)
{
    const size_t n = net_count(s);
    if (!s->training) {
        memcpy(s->out, s->in[0], n * sizeof *s->out);
        return;
    }
    draw(s, ((const struct dropout_keys *)s->node->keys)->rate);
    for (size_t i = 0; i < n; i++) s->out[i] = s->in[0][i] * s->kept[i];
}

static void backward_dropout(const struct net_step *s)
{
    for (size_t i = 0, n = s->din[0] ? net_count(s) : 0; i < n; i++)
        s->din[0][i] = s->training ? s->dout[i] * s->kept[i] : s->dout[i];
}

const struct net_operation REAL_NAME(net_op_dropout) = {
    .kind = { .name = "dropout",
              .summary = "numbers left out at random while the network is trained, the others times 1 / (1 - rate)",
              .source = "Srivastava et al. (JMLR 15, 2014)",
              .fields = dropout_fields,
              .config_size = sizeof(struct dropout_keys) },
    .words = 1,
    .takes = 1 << NET_ROW | 1 << NET_SEQUENCE | 1 << NET_IMAGE,
    .noisy = true,
    .apart = true,
    .lower = lower_dropout,
    .keeps = keeps_dropout,
    .forward = forward_dropout,
    .backward = backward_dropout,
};
