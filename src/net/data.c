/* What comes in: symbols, or numbers, which may be those of an image. */
#include "net/operation.h"
#include "num/real.h"

static int shape_data(struct net_build *b, struct net_node *n, struct err *e)
{
    const struct task_shape *t = b->task;
    (void)e;
    n->out = t->vocabulary
                 ? (struct net_shape){ .form = NET_SYMBOLS, .positions = t->width, .columns = (size_t)t->vocabulary }
                 : (struct net_shape){ .form = NET_ROW, .positions = 1, .columns = t->width };
    return 0;
}

static int lower_data(struct tape *t, const struct net_node *n, const int *in)
{
    (void)in;
    return n->out.form == NET_SYMBOLS ? -1 : tape_numbers(t, n->out.columns);
}

/* The values are those of the data set themselves: net/run.c. */
const struct net_operation REAL_NAME(net_op_data) = {
    .kind = { .name = "data", .summary = "what comes in", .source = "" },
    .shape = shape_data,
    .lower = lower_data,
};

static int shape_image(struct net_build *b, struct net_node *n, struct err *e)
{
    const int64_t *image = b->task->image;
    (void)e;
    n->out = (struct net_shape){ .form = NET_IMAGE,
                                 .positions = (size_t)(image[1] * image[2]),
                                 .columns = (size_t)image[0],
                                 .height = (size_t)image[1],
                                 .wide = (size_t)image[2] };
    return 0;
}

static struct net_range needs_image(const struct net_node *n, struct net_range live, int input)
{
    (void)n, (void)live, (void)input;
    return (struct net_range){ 0, 1 };
}

static int lower_image(struct tape *t, const struct net_node *n, const int *in)
{
    const size_t pixels = n->out.positions, channels = n->out.columns;
    int32_t *index = tape_gather(t, in[0], pixels * channels);
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) index[p * channels + c] = (int32_t)(c * pixels + p);
    return tape_last(t);
}

static void forward_image(const struct net_step *s)
{
    const size_t pixels = s->node->out.positions, channels = s->node->out.columns, m = s->rows;
    for (size_t i = 0; i < m; i++)
        for (size_t c = 0; c < channels; c++)
            for (size_t p = 0; p < pixels; p++)
                s->out[(p * m + i) * channels + c] = s->in[0][(i * channels + c) * pixels + p];
}

static void backward_image(const struct net_step *s)
{
    const size_t pixels = s->node->out.positions, channels = s->node->out.columns, m = s->rows;
    for (size_t i = 0; s->din[0] && i < m; i++)
        for (size_t c = 0; c < channels; c++)
            for (size_t p = 0; p < pixels; p++)
                s->din[0][(i * channels + c) * pixels + p] = s->dout[(p * m + i) * channels + c];
}

const struct net_operation REAL_NAME(net_op_image) = {
    .kind = { .name = "image", .summary = "numbers as an image, pixel by pixel", .source = "" },
    .shape = shape_image,
    .needs = needs_image,
    .lower = lower_image,
    .forward = forward_image,
    .backward = backward_image,
};
