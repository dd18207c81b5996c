/* Windows of an image: convolution and pooling. */
#include "net/operation.h"
#include "num/blas.h"
#include "num/real.h"

#include <math.h>
#include <string.h>

/* A window of k x k pixels at each pixel of the result. */
struct window {
    size_t k, stride, pad;
};

/* The pixel of the image under (u, v) of the window of (y, x); false: it is outside. */
static bool pixel(const struct window *w, const struct net_shape *in, size_t y, size_t x, size_t u, size_t v,
                  size_t *out)
{
    const size_t row = y * w->stride + u, column = x * w->stride + v;
    if (row < w->pad || column < w->pad || row - w->pad >= in->height || column - w->pad >= in->wide) return false;
    *out = (row - w->pad) * in->wide + column - w->pad;
    return true;
}

static int shape_window(const struct window *w, struct net_node *n, struct err *e)
{
    const size_t height = n->in.height + 2 * w->pad, wide = n->in.wide + 2 * w->pad;
    char text[NET_SHAPE_TEXT];
    if (w->k > height || w->k > wide)
        return err_set(e, ERR_SPEC, "a window of %zu x %zu does not fit into %s", w->k, w->k,
                       net_shape_text(&n->in, text));
    n->out.height = (height - w->k) / w->stride + 1;
    n->out.wide = (wide - w->k) / w->stride + 1;
    n->out.positions = n->out.height * n->out.wide;
    return 0;
}

static struct net_range needs_all(const struct net_node *n, struct net_range live, int input)
{
    (void)live, (void)input;
    return (struct net_range){ 0, n->in.positions };
}

/* For each pixel of the result, channel by channel if by_channel, the numbers under its window; -1: outside. */
static int lower_windows(struct tape *t, const struct window *w, const struct net_node *n, int in)
{
    const size_t channels = n->in.columns, area = w->k * w->k;
    int32_t *index = tape_gather(t, in, n->out.positions * channels * area);
    for (size_t o = 0; o < n->out.positions; o++)
        for (size_t c = 0; c < channels; c++)
            for (size_t uv = 0; uv < area; uv++) {
                size_t at;
                const bool inside = pixel(w, &n->in, o / n->out.wide, o % n->out.wide, uv / w->k, uv % w->k, &at);
                *index++ = inside ? (int32_t)(at * channels + c) : -1;
            }
    return tape_last(t);
}

/* ---- conv ---- */

struct conv_keys {
    int64_t channels, k, stride, pad;
    bool bias;
};

static const struct field conv_fields[] = {
    FIELD_NUMBER(conv_keys, channels, INT, NULL, "[1, 65536]", "1", "that it gives; as the first word"),
    FIELD_NUMBER(conv_keys, k, INT, "3", "[1, 1000]", "pixel", "side of the window"),
    FIELD_NUMBER(conv_keys, stride, INT, "1", "[1, 1000]", "pixel", "from one window to the next"),
    FIELD_NUMBER(conv_keys, pad, INT, "-1", "[-1, 1000]", "pixel",
                 "zeros around the image; -1: k / 2, rounded down, so that an odd window leaves the size as it is"),
    FIELD_FLAG(conv_keys, bias, "true", "with b (channels); bias=no: without"),
    FIELD_END,
};

enum { W, B };

static struct window window_of(const struct net_node *n)
{
    const struct conv_keys *k = n->keys;
    return (struct window){ (size_t)k->k, (size_t)k->stride, (size_t)(k->pad < 0 ? k->k / 2 : k->pad) };
}

static int shape_conv(struct net_build *b, struct net_node *n, struct err *e)
{
    const struct conv_keys *k = n->keys;
    const struct window w = window_of(n);
    const double bound = 1 / sqrt((double)(n->in.columns * w.k * w.k));
    if (shape_window(&w, n, e)) return -1;
    n->out.columns = (size_t)k->channels;
    return !NET_TENSOR(b, n, W, "W", bound, e, k->channels, (int64_t)n->in.columns, k->k, k->k) ||
                   (k->bias && !NET_TENSOR(b, n, B, "b", bound, e, k->channels))
               ? -1
               : 0;
}

static int lower_conv(struct tape *t, const struct net_node *n, const int *in)
{
    const struct window w = window_of(n);
    const size_t inputs = n->in.columns * w.k * w.k, m = n->out.columns;
    const int windows = lower_windows(t, &w, n, in[0]);
    const int out = tape_product(t, windows, tape_weights(t, n->tensor[W], m * inputs), n->out.positions, m, inputs);
    return n->tensor[B] < 0 ? out : tape_add_row(t, out, tape_weights(t, n->tensor[B], m));
}

static double products_conv(const struct net_node *n, struct net_range live)
{
    const struct window w = window_of(n);
    return (double)(live.count * n->in.columns * w.k * w.k * n->out.columns);
}

/* One line of the result at a time: (wide, examples) rows of channels x window. */
static size_t keeps_conv(const struct net_node *n, struct net_range live, size_t rows)
{
    const struct window w = window_of(n);
    (void)live;
    return n->out.wide * rows * n->in.columns * w.k * w.k;
}

/* Between the pixels of an image and the windows of line y. */
static void move_windows(const struct net_step *s, size_t y, real *image, bool back)
{
    const struct net_node *n = s->node;
    const struct window w = window_of(n);
    const size_t channels = n->in.columns, area = w.k * w.k, m = s->rows, inputs = channels * area;
    for (size_t x = 0; x < n->out.wide; x++)
        for (size_t uv = 0; uv < area; uv++) {
            size_t at = 0;
            const bool inside = pixel(&w, &n->in, y, x, uv / w.k, uv % w.k, &at);
            if (!inside && back) continue;
            real *window = s->kept + x * m * inputs + uv, *from = image + at * m * channels;
            for (size_t i = 0; i < m; i++, window += inputs, from += channels)
                for (size_t c = 0; c < channels; c++)
                    if (back)
                        from[c] += window[c * area];
                    else
                        window[c * area] = inside ? from[c] : 0;
        }
}

static void forward_conv(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const struct window w = window_of(n);
    const size_t rows = n->out.wide * s->rows, m = n->out.columns, inputs = n->in.columns * w.k * w.k;
    for (size_t y = 0; y < n->out.height; y++) {
        real *out = s->out + y * rows * m;
        move_windows(s, y, (real *)s->in[0], false);
        blas_gemm_nt(out, s->kept, s->theta + n->tensor[W], rows, m, inputs, 0);
        if (n->tensor[B] >= 0) net_add_columns(out, s->theta + n->tensor[B], rows, m);
    }
}

static void backward_conv(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const struct window w = window_of(n);
    const size_t rows = n->out.wide * s->rows, m = n->out.columns, inputs = n->in.columns * w.k * w.k;
    if (s->din[0]) memset(s->din[0], 0, n->in.positions * s->rows * n->in.columns * sizeof(real));
    for (size_t y = 0; y < n->out.height; y++) {
        const real *dout = s->dout + y * rows * m;
        move_windows(s, y, (real *)s->in[0], false);
        blas_gemm_tn(s->gradient + n->tensor[W], dout, s->kept, m, inputs, rows, 1);
        if (n->tensor[B] >= 0) net_sum_columns(s->gradient + n->tensor[B], dout, rows, m);
        if (!s->din[0]) continue;
        blas_gemm_nn(s->kept, dout, s->theta + n->tensor[W], rows, inputs, m, 0);
        move_windows(s, y, s->din[0], true);
    }
}

const struct net_operation REAL_NAME(net_op_conv) = {
    .kind = { .name = "conv",
              .summary =
                  "a convolution, W (channels, channels of the image, k, k); drawn as dense, whose inputs are a "
                  "window's numbers",
              .source = "",
              .fields = conv_fields,
              .config_size = sizeof(struct conv_keys) },
    .words = 1,
    .takes = 1 << NET_IMAGE,
    .shape = shape_conv,
    .needs = needs_all,
    .lower = lower_conv,
    .products = products_conv,
    .keeps = keeps_conv,
    .forward = forward_conv,
    .backward = backward_conv,
};

/* ---- maxpool ---- */

struct maxpool_keys {
    int64_t k;
};

static const struct field maxpool_fields[] = {
    FIELD_NUMBER(maxpool_keys, k, INT, NULL, "[1, 1000]", "pixel",
                 "side of the windows, which do not overlap; as the first word"),
    FIELD_END,
};

static struct window pool_of(const struct net_node *n)
{
    const int64_t *k = n->keys; /* the first key of both */
    return (struct window){ (size_t)*k, (size_t)*k, 0 };
}

static int shape_pool(struct net_build *b, struct net_node *n, struct err *e)
{
    const struct window w = pool_of(n);
    (void)b;
    return shape_window(&w, n, e);
}

static int lower_maxpool(struct tape *t, const struct net_node *n, const int *in)
{
    const struct window w = pool_of(n);
    return tape_max(t, lower_windows(t, &w, n, in[0]), w.k * w.k);
}

/* The place of the largest number under a window, for one example and channel: the first of equal ones. */
static size_t largest(const struct net_step *s, const struct window *w, size_t o, size_t row)
{
    const struct net_node *n = s->node;
    const size_t block = s->rows * n->in.columns;
    size_t best = SIZE_MAX, at;
    for (size_t uv = 0; uv < w->k * w->k; uv++) {
        if (!pixel(w, &n->in, o / n->out.wide, o % n->out.wide, uv / w->k, uv % w->k, &at)) continue;
        at = at * block + row;
        if (best == SIZE_MAX || s->in[0][at] > s->in[0][best]) best = at;
    }
    return best;
}

static void forward_maxpool(const struct net_step *s)
{
    const struct window w = pool_of(s->node);
    const size_t block = s->rows * s->node->in.columns;
    for (size_t o = 0; o < s->node->out.positions; o++)
        for (size_t r = 0; r < block; r++) s->out[o * block + r] = s->in[0][largest(s, &w, o, r)];
}

static void backward_maxpool(const struct net_step *s)
{
    const struct window w = pool_of(s->node);
    const size_t block = s->rows * s->node->in.columns;
    if (!s->din[0]) return;
    memset(s->din[0], 0, s->node->in.positions * block * sizeof(real));
    for (size_t o = 0; o < s->node->out.positions; o++)
        for (size_t r = 0; r < block; r++) s->din[0][largest(s, &w, o, r)] += s->dout[o * block + r];
}

const struct net_operation REAL_NAME(net_op_maxpool) = {
    .kind = { .name = "maxpool",
              .summary = "the largest number of each window, channel by channel",
              .source = "",
              .fields = maxpool_fields,
              .config_size = sizeof(struct maxpool_keys) },
    .words = 1,
    .takes = 1 << NET_IMAGE,
    .shape = shape_pool,
    .needs = needs_all,
    .lower = lower_maxpool,
    .forward = forward_maxpool,
    .backward = backward_maxpool,
};

/* ---- avgpool ---- */

static const char *const all[] = { "all", NULL };

struct avgpool_keys {
    int64_t k; /* -1: all */
};

static const struct field avgpool_fields[] = {
    FIELD_ROW(avgpool_keys, k, INDEX, NULL, .choices = all, .unit = "pixel",
              .help =
                  "side of the windows, which do not overlap, or all: one window, and no position is left; as the "
                  "first word"),
    FIELD_END,
};

static int shape_avgpool(struct net_build *b, struct net_node *n, struct err *e)
{
    const struct avgpool_keys *k = n->keys;
    if (k->k == 0) return err_set(e, ERR_SPEC, "a window has no pixels");
    if (k->k > 0) return shape_pool(b, n, e);
    n->out = (struct net_shape){ .form = NET_ROW, .positions = 1, .columns = n->in.columns };
    return 0;
}

/* The windows of any avgpool: those of `all` are the image, which need not be square. */
static size_t under(const struct net_node *n, size_t o, size_t i, bool *inside)
{
    const struct avgpool_keys *k = n->keys;
    const struct window w = pool_of(n);
    size_t at = i;
    *inside = k->k < 0 || pixel(&w, &n->in, o / n->out.wide, o % n->out.wide, i / w.k, i % w.k, &at);
    return at;
}

static size_t area_of(const struct net_node *n)
{
    const struct avgpool_keys *k = n->keys;
    return k->k < 0 ? n->in.positions : (size_t)(k->k * k->k);
}

static int lower_avgpool(struct tape *t, const struct net_node *n, const int *in)
{
    const size_t area = area_of(n), channels = n->in.columns;
    bool inside;
    int32_t *index = tape_gather(t, in[0], n->out.positions * channels * area);
    for (size_t o = 0; o < n->out.positions; o++)
        for (size_t c = 0; c < channels; c++)
            for (size_t i = 0; i < area; i++) *index++ = (int32_t)(under(n, o, i, &inside) * channels + c);
    return tape_scale(t, tape_sum(t, tape_last(t), area), 1 / (double)area);
}

static void forward_avgpool(const struct net_step *s)
{
    const size_t area = area_of(s->node), block = s->rows * s->node->in.columns;
    bool inside;
    memset(s->out, 0, s->node->out.positions * block * sizeof(real));
    for (size_t o = 0; o < s->node->out.positions; o++)
        for (size_t i = 0; i < area; i++) {
            const real *in = s->in[0] + under(s->node, o, i, &inside) * block;
            for (size_t r = 0; r < block; r++) s->out[o * block + r] += in[r];
        }
    for (size_t r = 0; r < s->node->out.positions * block; r++) s->out[r] /= (real)area;
}

static void backward_avgpool(const struct net_step *s)
{
    const size_t area = area_of(s->node), block = s->rows * s->node->in.columns;
    bool inside;
    if (!s->din[0]) return;
    memset(s->din[0], 0, s->node->in.positions * block * sizeof(real));
    for (size_t o = 0; o < s->node->out.positions; o++)
        for (size_t i = 0; i < area; i++) {
            real *din = s->din[0] + under(s->node, o, i, &inside) * block;
            for (size_t r = 0; r < block; r++) din[r] += s->dout[o * block + r] / (real)area;
        }
}

const struct net_operation REAL_NAME(net_op_avgpool) = {
    .kind = { .name = "avgpool",
              .summary = "the mean of each window, channel by channel",
              .source = "",
              .fields = avgpool_fields,
              .config_size = sizeof(struct avgpool_keys) },
    .words = 1,
    .takes = 1 << NET_IMAGE,
    .shape = shape_avgpool,
    .needs = needs_all,
    .lower = lower_avgpool,
    .forward = forward_avgpool,
    .backward = backward_avgpool,
};
