/* Symbols become numbers; positions get numbers of their own. */
#include "net/operation.h"
#include "num/clones.h"
#include "num/real.h"

#include <math.h>
#include <string.h>

/* ---- embed ---- */

struct embed_keys {
    int64_t width;
};

static const struct field embed_fields[] = {
    FIELD_NUMBER(embed_keys, width, INT, NULL, "[1, 65536]", "1", "numbers of each symbol; as the first word"),
    FIELD_END,
};

static int shape_embed(struct net_build *b, struct net_node *n, struct err *e)
{
    const struct embed_keys *k = n->keys;
    n->out = (struct net_shape){ .form = n->in.alone ? NET_ROW : NET_SEQUENCE,
                                 .positions = n->in.positions,
                                 .columns = (size_t)k->width };
    struct tensor *t = NET_TENSOR(b, n, 0, "E", 0, e, (int64_t)n->in.columns, k->width);
    if (!t) return -1;
    t->init_std = 1;
    t->draw = DRAW_NORMAL;
    return 0;
}

static int lower_embed(struct tape *t, const struct net_node *n, const int *in)
{
    const size_t columns = n->out.columns;
    const int E = tape_weights(t, n->tensor[0], n->in.columns * columns);
    (void)in;
    return tape_rows(t, E, n->in.first, n->in.positions, columns);
}

static void forward_embed(const struct net_step *s)
{
    const real *E = s->theta + s->node->tensor[0];
    const size_t columns = s->node->out.columns;
    for (size_t r = 0; r < s->rows; r++)
        memcpy(s->out + r * columns, E + (size_t)s->symbol[r] * columns, columns * sizeof *s->out);
}

CLONES static void add(real *restrict x, const real *restrict d, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] += d[i];
}

static void backward_embed(const struct net_step *s)
{
    real *dE = s->gradient + s->node->tensor[0];
    const size_t columns = s->node->out.columns;
    for (size_t r = 0; r < s->rows; r++) add(dE + (size_t)s->symbol[r] * columns, s->dout + r * columns, columns);
}

const struct net_operation REAL_NAME(net_op_embed) = {
    .kind = { .name = "embed",
              .summary = "a row of E (symbols, width) for each symbol; drawn from N(0, 1)",
              .source = "",
              .fields = embed_fields,
              .config_size = sizeof(struct embed_keys) },
    .words = 1,
    .takes = 1 << NET_SYMBOLS,
    .reach = NET_SOURCE,
    .lends = true,
    .shape = shape_embed,
    .lower = lower_embed,
    .forward = forward_embed,
    .backward = backward_embed,
};

/* ---- onehot ---- */

static const struct field no_fields[] = { FIELD_END };

static int shape_onehot(struct net_build *b, struct net_node *n, struct err *e)
{
    (void)b, (void)e;
    n->out = (struct net_shape){ .form = n->in.alone ? NET_ROW : NET_SEQUENCE,
                                 .positions = n->in.positions,
                                 .columns = n->in.columns };
    return 0;
}

static int lower_onehot(struct tape *t, const struct net_node *n, const int *in)
{
    (void)in;
    return tape_onehot(t, n->in.first, n->in.positions, n->out.columns);
}

static void forward_onehot(const struct net_step *s)
{
    const size_t columns = s->node->out.columns;
    memset(s->out, 0, net_count(s) * sizeof *s->out);
    for (size_t r = 0; r < s->rows; r++) s->out[r * columns + (size_t)s->symbol[r]] = 1;
}

static void backward_onehot(const struct net_step *s)
{
    (void)s;
}

const struct net_operation REAL_NAME(net_op_onehot) = {
    .kind = { .name = "onehot",
              .summary = "each symbol as zeros with a 1 at its place",
              .source = "",
              .fields = no_fields },
    .takes = 1 << NET_SYMBOLS,
    .reach = NET_SOURCE,
    .shape = shape_onehot,
    .lower = lower_onehot,
    .forward = forward_onehot,
    .backward = backward_onehot,
};

/* ---- positions ---- */

enum { LEARNED, SINCOS };
static const char *const sorts[] = { [LEARNED] = "learned", [SINCOS] = "sincos", NULL };

struct positions_keys {
    int sort;
};

static const struct field positions_fields[] = {
    FIELD_CHOSEN(positions_keys, sort, CHOICE, "learned", sorts,
                 "learned: P (positions, width) from N(0, 1); sincos: sin and cos of p / 10000^(2i/width), column by "
                 "column in turn; as the first word"),
    FIELD_END,
};

static bool is_learned(const struct net_node *n)
{
    return ((const struct positions_keys *)n->keys)->sort == LEARNED;
}

static int shape_positions(struct net_build *b, struct net_node *n, struct err *e)
{
    if (!is_learned(n)) return 0;
    struct tensor *t = NET_TENSOR(b, n, 0, "P", 0, e, (int64_t)n->in.positions, (int64_t)n->in.columns);
    if (!t) return -1;
    t->init_std = 1;
    t->draw = DRAW_NORMAL;
    return 0;
}

static double wave(size_t p, size_t i, size_t columns)
{
    const double angle = (double)p / pow(10000, (double)(i - i % 2) / (double)columns);
    return i % 2 ? cos(angle) : sin(angle);
}

static int lower_positions(struct tape *t, const struct net_node *n, const int *in)
{
    const size_t size = net_size(&n->out), columns = n->out.columns;
    if (is_learned(n)) return tape_add(t, in[0], tape_weights(t, n->tensor[0], size));
    double *value = ARENA_NEW(t->arena, size, double);
    for (size_t i = 0; i < size; i++) value[i] = wave(i / columns, i % columns, columns);
    return tape_add(t, in[0], tape_constant(t, value, size));
}

static void forward_positions(const struct net_step *s)
{
    const struct net_range live = s->live;
    const size_t columns = s->node->out.columns, block = s->rows * columns;
    memcpy(s->out, s->in[0], net_count(s) * sizeof *s->out);
    for (size_t p = 0; p < live.count; p++) {
        const size_t at = live.first + p;
        if (!is_learned(s->node))
            for (size_t i = 0; i < columns; i++) s->kept[i] = (real)wave(at, i, columns);
        net_add_columns(s->out + p * block,
                        is_learned(s->node) ? s->theta + s->node->tensor[0] + at * columns : s->kept, s->rows,
                        columns);
    }
}

static size_t keeps_positions(const struct net_node *n, struct net_range live, size_t rows)
{
    (void)live, (void)rows;
    return n->out.columns;
}

static void backward_positions(const struct net_step *s)
{
    const struct net_range live = s->live;
    const size_t columns = s->node->out.columns, block = s->rows * columns;
    if (s->din[0]) memcpy(s->din[0], s->dout, net_count(s) * sizeof *s->dout);
    for (size_t p = 0; p < live.count && is_learned(s->node); p++)
        net_sum_columns(s->gradient + s->node->tensor[0] + (live.first + p) * columns, s->dout + p * block, s->rows,
                        columns);
}

const struct net_operation REAL_NAME(net_op_positions) = {
    .kind = { .name = "positions",
              .summary = "adds a vector of its own to each position",
              .source = "Vaswani et al. (arXiv 1706.03762), of sincos",
              .fields = positions_fields,
              .config_size = sizeof(struct positions_keys) },
    .words = 1,
    .takes = 1 << NET_SEQUENCE,
    .reach = NET_POSITION,
    .shape = shape_positions,
    .lower = lower_positions,
    .keeps = keeps_positions,
    .forward = forward_positions,
    .backward = backward_positions,
};
