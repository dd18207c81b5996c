/* What becomes of positions: flatten, at, mean; and scale. */
#include "net/operation.h"
#include "num/clones.h"
#include "num/real.h"

#include <string.h>

static const struct field no_fields[] = { FIELD_END };

static struct net_range needs_all(const struct net_node *n, struct net_range live, int input)
{
    (void)live, (void)input;
    return (struct net_range){ 0, n->in.positions };
}

/* ---- flatten ---- */

static int shape_flatten(struct net_build *b, struct net_node *n, struct err *e)
{
    (void)b, (void)e;
    n->out = (struct net_shape){ .form = NET_ROW, .positions = 1, .columns = net_size(&n->in) };
    return 0;
}

/* Where number c of position p stands in the row: of an image channel by channel, else position by position. */
static size_t place_of(const struct net_node *n, size_t p, size_t c)
{
    return n->in.form == NET_IMAGE ? c * n->in.positions + p : p * n->in.columns + c;
}

static int lower_flatten(struct tape *t, const struct net_node *n, const int *in)
{
    int32_t *index = tape_gather(t, in[0], net_size(&n->in));
    for (size_t p = 0; p < n->in.positions; p++)
        for (size_t c = 0; c < n->in.columns; c++) index[place_of(n, p, c)] = (int32_t)(p * n->in.columns + c);
    return tape_last(t);
}

static void forward_flatten(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const real *in = s->in[0];
    for (size_t p = 0; p < n->in.positions; p++)
        for (size_t i = 0; i < s->rows; i++, in += n->in.columns)
            for (size_t c = 0; c < n->in.columns; c++) s->out[i * n->out.columns + place_of(n, p, c)] = in[c];
}

static void backward_flatten(const struct net_step *s)
{
    const struct net_node *n = s->node;
    real *din = s->din[0];
    for (size_t p = 0; p < n->in.positions && din; p++)
        for (size_t i = 0; i < s->rows; i++, din += n->in.columns)
            for (size_t c = 0; c < n->in.columns; c++) din[c] = s->dout[i * n->out.columns + place_of(n, p, c)];
}

const struct net_operation REAL_NAME(net_op_flatten) = {
    .kind = { .name = "flatten",
              .summary =
                  "all numbers of all positions in a row: position by position, of an image channel by channel",
              .source = "",
              .fields = no_fields },
    .takes = 1 << NET_ROW | 1 << NET_SEQUENCE | 1 << NET_IMAGE,
    .shape = shape_flatten,
    .needs = needs_all,
    .lower = lower_flatten,
    .forward = forward_flatten,
    .backward = backward_flatten,
};

/* ---- at ---- */

static const char *const moments[] = { "last", NULL };

struct at_keys {
    int64_t position; /* -1: last */
};

static const struct field at_fields[] = {
    FIELD_ROW(at_keys, position, INDEX, NULL, .choices = moments, .unit = "",
              .help = "0, 1, ... or last; as the first word"),
    FIELD_END,
};

const void *net_at_keys(size_t position, struct arena *a)
{
    struct at_keys *k = ARENA_NEW(a, 1, struct at_keys);
    k->position = (int64_t)position;
    return k;
}

static size_t position_of(const struct net_node *n)
{
    const int64_t at = ((const struct at_keys *)n->keys)->position;
    return at < 0 ? n->in.positions - 1 : (size_t)at;
}

static int shape_at(struct net_build *b, struct net_node *n, struct err *e)
{
    (void)b;
    if (position_of(n) >= n->in.positions)
        return err_set(e, ERR_SPEC, "there is no position %zu: they are 0 to %zu", position_of(n),
                       n->in.positions - 1);
    if (n->in.form == NET_SYMBOLS)
        n->out = (struct net_shape){ .form = NET_SYMBOLS,
                                     .positions = 1,
                                     .columns = n->in.columns,
                                     .first = n->in.first + position_of(n),
                                     .alone = true };
    else
        n->out = (struct net_shape){ .form = NET_ROW, .positions = 1, .columns = n->in.columns };
    return 0;
}

static struct net_range needs_at(const struct net_node *n, struct net_range live, int input)
{
    (void)live, (void)input;
    return (struct net_range){ position_of(n), 1 };
}

static int lower_at(struct tape *t, const struct net_node *n, const int *in)
{
    const size_t columns = n->in.columns;
    return n->in.form == NET_SYMBOLS ? -1 : tape_part(t, in[0], position_of(n) * columns, columns);
}

static void forward_at(const struct net_step *s)
{
    if (s->out) memcpy(s->out, s->in[0], net_count(s) * sizeof *s->out);
}

static void backward_at(const struct net_step *s)
{
    if (s->din[0]) memcpy(s->din[0], s->dout, net_count(s) * sizeof *s->dout);
}

const struct net_operation REAL_NAME(net_op_at) = {
    .kind = { .name = "at",
              .summary = "one position alone; what nobody reads at the others is not computed",
              .source = "",
              .fields = at_fields,
              .config_size = sizeof(struct at_keys) },
    .words = 1,
    .takes = 1 << NET_SYMBOLS | 1 << NET_SEQUENCE,
    .reach = NET_ACROSS,
    .apart = true,
    .chooses = true,
    .shape = shape_at,
    .needs = needs_at,
    .lower = lower_at,
    .forward = forward_at,
    .backward = backward_at,
};

/* ---- mean ---- */

enum { POSITIONS, UNITS };
static const char *const over[] = { [POSITIONS] = "positions", [UNITS] = "units", NULL };

struct mean_keys {
    int over;
};

static const struct field mean_fields[] = {
    FIELD_CHOSEN(mean_keys, over, CHOICE, "positions", over,
                 "positions: one row for all of them; units: one number at each; as the first word"),
    FIELD_END,
};

static bool is_over_units(const struct net_node *n)
{
    return ((const struct mean_keys *)n->keys)->over == UNITS;
}

static int shape_mean(struct net_build *b, struct net_node *n, struct err *e)
{
    (void)b;
    if (is_over_units(n))
        n->out.columns = 1;
    else if (n->in.form == NET_SEQUENCE)
        n->out = (struct net_shape){ .form = NET_ROW, .positions = 1, .columns = n->in.columns };
    else
        return err_set(e, ERR_SPEC, "there are no positions; 'mean units' is that of the numbers");
    return 0;
}

static struct net_range needs_mean(const struct net_node *n, struct net_range live, int input)
{
    return is_over_units(n) ? live : needs_all(n, live, input);
}

static int lower_mean(struct tape *t, const struct net_node *n, const int *in)
{
    const size_t P = n->in.positions, columns = n->in.columns;
    if (is_over_units(n)) return tape_scale(t, tape_sum(t, in[0], columns), 1 / (double)columns);
    int32_t *index = tape_gather(t, in[0], P * columns);
    for (size_t i = 0; i < P * columns; i++) index[i] = (int32_t)(i % P * columns + i / P);
    return tape_scale(t, tape_sum(t, tape_last(t), P), 1 / (double)P);
}

static void forward_mean(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const size_t columns = n->in.columns, P = n->in.positions, size = net_count(s);
    const real *in = s->in[0];
    memset(s->out, 0, size * sizeof *s->out);
    if (is_over_units(n)) {
        for (size_t r = 0; r < size; r++, in += columns) {
            double sum = 0;
            for (size_t j = 0; j < columns; j++) sum += (double)in[j];
            s->out[r] = (real)(sum / (double)columns);
        }
        return;
    }
    for (size_t p = 0; p < P; p++, in += size)
        for (size_t i = 0; i < size; i++) s->out[i] += in[i];
    for (size_t i = 0; i < size; i++) s->out[i] /= (real)P;
}

static void backward_mean(const struct net_step *s)
{
    const struct net_node *n = s->node;
    const size_t columns = n->in.columns, P = n->in.positions, size = net_count(s);
    real *din = s->din[0];
    if (!din) return;
    if (is_over_units(n)) {
        for (size_t i = 0; i < size * columns; i++) din[i] = s->dout[i / columns] / (real)columns;
        return;
    }
    for (size_t p = 0; p < P; p++, din += size)
        for (size_t i = 0; i < size; i++) din[i] = s->dout[i] / (real)P;
}

const struct net_operation REAL_NAME(net_op_mean) = {
    .kind = { .name = "mean",
              .summary = "the mean of the positions, or of each position's numbers",
              .source = "",
              .fields = mean_fields,
              .config_size = sizeof(struct mean_keys) },
    .words = 1,
    .takes = 1 << NET_ROW | 1 << NET_SEQUENCE,
    .shape = shape_mean,
    .needs = needs_mean,
    .lower = lower_mean,
    .forward = forward_mean,
    .backward = backward_mean,
};

/* ---- scale ---- */

struct scale_keys {
    double by;
};

static const struct field scale_fields[] = {
    FIELD_NUMBER(scale_keys, by, REAL, NULL, NULL, "1", "a fixed factor; as the first word"),
    FIELD_END,
};

static double factor(const struct net_node *n)
{
    return ((const struct scale_keys *)n->keys)->by;
}

static int lower_scale(struct tape *t, const struct net_node *n, const int *in)
{
    return tape_scale(t, in[0], factor(n));
}

CLONES static void scale(real *restrict out, const real *restrict in, real by, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] = by * in[i];
}

static void forward_scale(const struct net_step *s)
{
    scale(s->out, s->in[0], (real)factor(s->node), net_count(s));
}

static void backward_scale(const struct net_step *s)
{
    if (s->din[0]) scale(s->din[0], s->dout, (real)factor(s->node), net_count(s));
}

const struct net_operation REAL_NAME(net_op_scale) = {
    .kind = { .name = "scale",
              .summary = "every number times a fixed one",
              .source = "",
              .fields = scale_fields,
              .config_size = sizeof(struct scale_keys) },
    .words = 1,
    .takes = 1 << NET_ROW | 1 << NET_SEQUENCE | 1 << NET_IMAGE,
    .reach = NET_ROWS,
    .lower = lower_scale,
    .forward = forward_scale,
    .backward = backward_scale,
};
