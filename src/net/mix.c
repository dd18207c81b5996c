/* What rewritten attention is made of: scores of rows by rows, and weighted sums of rows with others added. No words
 * of a list: net/rewrite.h puts them there. */
#include "net/operation.h"
#include "num/blas.h"
#include "num/clones.h"
#include "num/real.h"
#include "num/sums.h"

#include <string.h>

/* ---- against: of each row and each head, the products with all rows of a table ---- */

enum { QUERY, KEY };

struct against {
    size_t heads, e, rows, keys, place; /* place: columns of a head's scores, of which keys are used */
    real *query, *key, *score;          /* of a head */
};

static struct against open_against(const struct net_step *s)
{
    const struct net_node *n = s->node;
    struct against w = { .heads = net_heads(n->keys), .rows = s->rows, .keys = s->seen[KEY]->rows };
    w.e = n->in.columns / w.heads;
    w.place = n->out.columns / w.heads;
    w.query = s->kept;
    w.score = w.query + w.rows * w.e;
    w.key = w.score + w.rows * w.place;
    return w;
}

static size_t keeps_against(const struct net_node *n, struct net_range live, size_t rows)
{
    const size_t heads = net_heads(n->keys), e = n->in.columns / heads, place = n->out.columns / heads;
    (void)live;
    return rows * (e + place) + place * e;
}

static double products_against(const struct net_node *n, struct net_range live)
{
    return (double)live.count * (double)n->in.columns; /* with each row of the keys */
}

static struct net_range needs_against(const struct net_node *n, struct net_range live, int input)
{
    (void)n;
    return input == QUERY ? live : (struct net_range){ 0, 1 };
}

static void forward_against(const struct net_step *s)
{
    const struct against w = open_against(s);
    const size_t all = s->node->in.columns, wide = s->node->out.columns;
    for (size_t h = 0; h < w.heads; h++) {
        net_take_lines(w.query, s->in[QUERY] + h * w.e, w.rows, w.e, all);
        net_take_lines(w.key, s->seen[KEY]->at + h * w.e, w.keys, w.e, all);
        blas_gemm_nt(w.score, w.query, w.key, w.rows, w.keys, w.e, 0);
        for (size_t r = 0; r < w.rows; r++)
            memcpy(s->out + r * wide + h * w.place, w.score + r * w.keys, w.keys * sizeof *s->out);
    }
}

static void backward_against(const struct net_step *s)
{
    const struct against w = open_against(s);
    const size_t all = s->node->in.columns, wide = s->node->out.columns;
    if (s->din[QUERY]) memset(s->din[QUERY], 0, w.rows * all * sizeof *s->out);
    for (size_t h = 0; h < w.heads; h++) {
        for (size_t r = 0; r < w.rows; r++)
            memcpy(w.score + r * w.keys, s->dout + r * wide + h * w.place, w.keys * sizeof *s->out);
        net_take_lines(w.key, s->seen[KEY]->at + h * w.e, w.keys, w.e, all);
        blas_gemm_nn(w.query, w.score, w.key, w.rows, w.e, w.keys, 0);
        if (s->din[QUERY]) net_add_lines(s->din[QUERY] + h * w.e, w.query, w.rows, w.e, all);
        if (!s->seen[KEY]->dat) continue;
        net_take_lines(w.query, s->in[QUERY] + h * w.e, w.rows, w.e, all);
        blas_gemm_tn(w.key, w.score, w.query, w.keys, w.e, w.rows, 0);
        net_add_lines(s->seen[KEY]->dat + h * w.e, w.key, w.keys, w.e, all);
    }
}

const struct net_operation REAL_NAME(net_op_against) = {
    .kind = { .name = "against", .summary = "products of rows with all rows of a table", .source = "" },
    .reach = NET_ROWS,
    .by_matrix = true,
    .by_rows = true,
    .needs = needs_against,
    .keeps = keeps_against,
    .products = products_against,
    .forward = forward_against,
    .backward = backward_against,
};

/* ---- less: rows beyond one of their own ---- */

enum { ROWS, LESS };

static struct net_range needs_less(const struct net_node *n, struct net_range live, int input)
{
    (void)n;
    return input == ROWS ? live : (struct net_range){ 0, 1 };
}

static void forward_less(const struct net_step *s)
{
    for (size_t i = 0, n = net_count(s); i < n; i++) s->out[i] = s->in[ROWS][i] - s->in[LESS][i];
}

static void backward_less(const struct net_step *s)
{
    for (size_t i = 0, n = net_count(s); i < n; i++) {
        if (s->din[ROWS]) s->din[ROWS][i] = s->dout[i];
        if (s->din[LESS]) s->din[LESS][i] = -s->dout[i];
    }
}

const struct net_operation REAL_NAME(net_op_less) = {
    .kind = { .name = "less", .summary = "rows beyond another", .source = "" },
    .reach = NET_ROWS,
    .needs = needs_less,
    .forward = forward_less,
    .backward = backward_less,
};

/* ---- mix: the values of each head, weighted, and all others as they are ---- */

enum { WEIGHTS, VALUES };
typedef real line __attribute__((vector_size(64), aligned(sizeof(real)), may_alias));
enum { LANES = 64 / sizeof(real), WIDE = 8 };

static struct net_range needs_mix(const struct net_node *n, struct net_range live, int input)
{
    const int others = VALUES + (int)net_heads(n->keys);
    const bool values = input >= VALUES && input < others;
    if (n->skip && input == others) return (struct net_range){ 0, 1 }; /* what is the same for all targets */
    return values ? net_sources(n, live) : live;
}

static double sums_mix(const struct net_node *n, struct net_range live)
{
    const size_t heads = net_heads(n->keys), others = (size_t)n->inputs - VALUES - heads;
    return (double)(heads * (net_sources(n, live).count - (n->skip > 0)) + others) * (double)n->out.columns;
}

struct mix {
    size_t m, columns, heads, sources, per, first, targets; /* per: weights of a head in a row */
    size_t others, skip;                                    /* the first input that is no value; 1 + a source */
};

static struct mix open_mix(const struct net_step *s)
{
    const struct net_node *n = s->node;
    struct mix w = { .m = s->rows,
                     .columns = n->out.columns,
                     .heads = net_heads(n->keys),
                     .sources = net_sources(n, s->live).count,
                     .first = s->live.first,
                     .skip = n->skip,
                     .targets = s->live.count };
    w.per = s->columns[WEIGHTS] / w.heads;
    w.others = VALUES + w.heads;
    return w;
}

/* Sources beyond those that a target sees have the weight 0 or count: net_sources of it alone. */
static size_t sources_of(const struct net_step *s, const struct mix *w, size_t t)
{
    return net_sources(s->node, (struct net_range){ w->first + t, 1 }).count;
}

CLONED_WITH_CALLER size_t row_of(const struct net_seen *p, size_t i)
{
    return p->row ? (size_t)p->row[i] : i;
}

CLONED_WITH_CALLER const struct net_seen *other_of(const struct net_step *s, const struct mix *w, size_t j, size_t t)
{
    return &s->seen[j][w->skip && j == w->others ? 0 : t];
}

/* Some columns of row i, `lines` times LANES of them, a constant wherever this is called. */
CLONED_WITH_CALLER void mix_lines(const struct net_step *s, const struct mix *w, size_t t, size_t sources, size_t i,
                                  size_t column, size_t lines, real *out)
{
    const struct net_seen *weights = &s->seen[WEIGHTS][t];
    const real *a = weights->at + row_of(weights, i) * w->per * w->heads;
    line sum[WIDE];
    for (size_t l = 0; l < lines; l++) sum[l] = (line){ 0 };
    for (size_t j = w->others; j < s->inputs; j++) {
        const struct net_seen *x = other_of(s, w, j, t);
        const line *from = (const line *)(x->at + row_of(x, i) * w->columns + column);
        for (size_t l = 0; l < lines; l++) sum[l] += from[l];
    }
    for (size_t h = 0; h < w->heads; h++)
        for (size_t p = 0; p < sources; p++) {
            if (p + 1 == w->skip) continue;
            const struct net_seen *v = &s->seen[VALUES + h][p];
            const line *from = (const line *)(v->at + row_of(v, i) * w->columns + column);
            const real by = a[h * w->per + p];
            for (size_t l = 0; l < lines; l++) sum[l] += by * from[l];
        }
    for (size_t l = 0; l < lines; l++) ((line *)(out + column))[l] = sum[l];
}

CLONED_WITH_CALLER void mix_rest(const struct net_step *s, const struct mix *w, size_t t, size_t sources, size_t i,
                                 size_t column, real *out)
{
    const struct net_seen *weights = &s->seen[WEIGHTS][t];
    const real *a = weights->at + row_of(weights, i) * w->per * w->heads;
    const size_t n = w->columns - column;
    real sum[LANES] = { 0 };
    for (size_t j = w->others; j < s->inputs; j++) {
        const struct net_seen *x = other_of(s, w, j, t);
        const real *from = x->at + row_of(x, i) * w->columns + column;
        for (size_t l = 0; l < n; l++) sum[l] += from[l];
    }
    for (size_t h = 0; h < w->heads; h++)
        for (size_t p = 0; p < sources; p++) {
            if (p + 1 == w->skip) continue;
            const struct net_seen *v = &s->seen[VALUES + h][p];
            const real *from = v->at + row_of(v, i) * w->columns + column, by = a[h * w->per + p];
            for (size_t l = 0; l < n; l++) sum[l] += by * from[l];
        }
    memcpy(out + column, sum, n * sizeof *sum);
}

/* Some columns of row i, from its gradient d, as above.  Products with values are summed in LANES sums side by side.
 */
CLONED_WITH_CALLER void back_lines(const struct net_step *s, const struct mix *w, size_t t, size_t sources, size_t i,
                                   size_t column, size_t lines, const real *d)
{
    const struct net_seen *weights = &s->seen[WEIGHTS][t];
    const real *a = weights->at + row_of(weights, i) * w->per * w->heads;
    line *dot = (line *)s->kept + i * w->heads * sources;
    line slope[WIDE];
    for (size_t l = 0; l < lines; l++) slope[l] = ((const line *)(d + column))[l];
    for (size_t j = w->others; j < s->inputs; j++) {
        const struct net_seen *x = other_of(s, w, j, t);
        if (!x->dat) continue;
        line *to = (line *)(x->dat + row_of(x, i) * w->columns + column);
        for (size_t l = 0; l < lines; l++) to[l] += slope[l];
    }
    for (size_t h = 0; h < w->heads; h++)
        for (size_t p = 0; p < sources; p++, dot++) {
            if (p + 1 == w->skip) continue;
            const struct net_seen *v = &s->seen[VALUES + h][p];
            const size_t at = row_of(v, i) * w->columns + column;
            const line *from = (const line *)(v->at + at);
            line *to = (line *)(v->dat + at), sum = slope[0] * from[0];
            const real by = a[h * w->per + p];
            for (size_t l = 1; l < lines; l++) sum += slope[l] * from[l];
            for (size_t l = 0; l < lines; l++) to[l] += by * slope[l];
            if (column) sum += *dot;
            *dot = sum;
        }
}

CLONED_WITH_CALLER void back_rest(const struct net_step *s, const struct mix *w, size_t t, size_t sources, size_t i,
                                  size_t column, const real *d)
{
    const struct net_seen *weights = &s->seen[WEIGHTS][t];
    const real *a = weights->at + row_of(weights, i) * w->per * w->heads;
    real *dot = s->kept + i * w->heads * sources * LANES;
    const size_t n = w->columns - column;
    if (!column) memset(dot, 0, w->heads * sources * LANES * sizeof *dot);
    for (size_t j = w->others; j < s->inputs; j++) {
        const struct net_seen *x = other_of(s, w, j, t);
        for (size_t l = 0; l < n && x->dat; l++) x->dat[row_of(x, i) * w->columns + column + l] += d[column + l];
    }
    for (size_t h = 0; h < w->heads; h++)
        for (size_t p = 0; p < sources; p++, dot += LANES) {
            if (p + 1 == w->skip) continue;
            const struct net_seen *v = &s->seen[VALUES + h][p];
            const size_t at = row_of(v, i) * w->columns + column;
            const real by = a[h * w->per + p];
            for (size_t l = 0; l < n; l++) {
                dot[l] += d[column + l] * v->at[at + l];
                v->dat[at + l] += by * d[column + l];
            }
        }
}

/* The sums become one. */
CLONES static void back_ends(const struct net_step *s, const struct mix *w, size_t t, size_t sources)
{
    const struct net_seen *weights = &s->seen[WEIGHTS][t];
    real *dot = s->kept;
    for (size_t i = 0; i < w->m && weights->dat; i++)
        for (size_t h = 0; h < w->heads; h++)
            for (size_t p = 0; p < sources; p++, dot += LANES) {
                if (p + 1 == w->skip) continue;
                weights->dat[(row_of(weights, i) * w->heads + h) * w->per + p] += sums_lanes(dot, LANES);
            }
}

/* ---- all rows of a target ---- */

/* Some columns of row i, of out, or back from d. */
CLONED_WITH_CALLER void some_lines(const struct net_step *s, const struct mix *w, size_t t, size_t sources, size_t i,
                                   size_t column, size_t lines, real *out, const real *d, bool back)
{
    if (back)
        back_lines(s, w, t, sources, i, column, lines, d + i * w->columns);
    else
        mix_lines(s, w, t, sources, i, column, lines, out + i * w->columns);
}

/* Stretch by stretch of columns, the widest first. */
CLONED_WITH_CALLER void all_lines(const struct net_step *s, const struct mix *w, size_t t, size_t sources, real *out,
                                  const real *d, bool back)
{
    const size_t columns = w->columns;
    size_t column = 0;
    for (; column + WIDE * LANES <= columns; column += WIDE * LANES)
        for (size_t i = 0; i < w->m; i++) some_lines(s, w, t, sources, i, column, WIDE, out, d, back);
    for (size_t half = WIDE / 2; half > 0; half /= 2) {
        if (column + half * LANES > columns) continue;
        for (size_t i = 0; i < w->m; i++) switch (half) {
            case 4: some_lines(s, w, t, sources, i, column, 4, out, d, back); break;
            case 2: some_lines(s, w, t, sources, i, column, 2, out, d, back); break;
            default: some_lines(s, w, t, sources, i, column, 1, out, d, back);
            }
        column += half * LANES;
    }
    for (size_t i = 0; i < w->m && column < columns; i++)
        if (back)
            back_rest(s, w, t, sources, i, column, d + i * columns);
        else
            mix_rest(s, w, t, sources, i, column, out + i * columns);
}

CLONES static void mix_rows(const struct net_step *s, const struct mix *w, size_t t, size_t sources, real *out)
{
    all_lines(s, w, t, sources, out, NULL, false);
}

CLONES static void mix_rows_back(const struct net_step *s, const struct mix *w, size_t t, size_t sources,
                                 const real *d)
{
    all_lines(s, w, t, sources, NULL, d, true);
}

static void forward_mix(const struct net_step *s)
{
    const struct mix w = open_mix(s);
    for (size_t t = 0; t < w.targets; t++) mix_rows(s, &w, t, sources_of(s, &w, t), s->out + t * w.m * w.columns);
}

static size_t keeps_mix(const struct net_node *n, struct net_range live, size_t rows)
{
    return rows * net_heads(n->keys) * net_sources(n, live).count * LANES;
}

static void backward_mix(const struct net_step *s)
{
    const struct mix w = open_mix(s);
    for (size_t t = 0; t < w.targets; t++) {
        mix_rows_back(s, &w, t, sources_of(s, &w, t), s->dout + t * w.m * w.columns);
        back_ends(s, &w, t, sources_of(s, &w, t));
    }
}

const struct net_operation REAL_NAME(net_op_mix) = {
    .kind = { .name = "mix", .summary = "values with their weights, and others", .source = "" },
    .reach = NET_ACROSS,
    .apart = true,
    .gathers = true,
    .needs = needs_mix,
    .keeps = keeps_mix,
    .sums = sums_mix,
    .forward = forward_mix,
    .backward = backward_mix,
};
