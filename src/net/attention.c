#include "net/attention_private.h"
#include "net/operation.h"
#include "num/clones.h"
#include "num/exp.h"
#include "num/real.h"
#include "num/sums.h"

#include <math.h>
#include <string.h>

static const char *const masks[] = { [CAUSAL] = "causal", [NO_MASK] = "none", NULL };

static const struct field fields[] = {
    FIELD_NUMBER(attention_keys, heads, INT, "1", "[1, 1024]", "1", "attention heads"),
    FIELD_NUMBER(attention_keys, d_head, INT, "0", "[0, 65536]", "1",
                 "width of a head; 0: that of the input divided by the heads"),
    FIELD_CHOSEN(attention_keys, mask, CHOICE, "causal", masks,
                 "causal: a position sees itself and those before it; none: all"),
    FIELD_FLAG(attention_keys, bias, "false", "bias=yes: with Qb, Kb, Vb and Ob"),
    FIELD_NUMBER(attention_keys, mix, REAL, "1", "[0, 1]", "1",
                 "weights are mix softmax(scores) + 1 - mix, the latter for masked positions, too (attention rate of "
                 "Zhong et al. 2306.17844)"),
    FIELD_END,
};

enum { Q, K, V, O, QB, KB, VB, OB };

/* Of attend: what comes in are the queries. */
static size_t head_of(const struct net_node *n)
{
    return n->in.columns / (size_t)((const struct attention_keys *)n->keys)->heads;
}

/* Q, K and V are dense layers of their own, and O another: what is made of one position alone is theirs. */
static int parts(struct net_build *b, const void *keys, const char *place, int in, struct err *e)
{
    static const char *const name[] = { "Q", "K", "V", "O", "Qb", "Kb", "Vb", "Ob" };
    const struct attention_keys *k = keys;
    const size_t d = b->graph->node[in].out.columns;
    struct net_node all = { .op = NET_OP_attention };
    if (!k->d_head && (int64_t)d % k->heads)
        return err_set(e, ERR_SPEC, "%lld heads do not divide %zu, and no d_head is given", (long long)k->heads, d);
    const int64_t inner = k->heads * (k->d_head ? k->d_head : (int64_t)d / k->heads);
    for (int i = 0; i < NET_TENSORS; i++) all.tensor[i] = NET_ABSENT;
    for (int i = Q; i <= (k->bias ? OB : O); i++) {
        const bool matrix = i <= O, last = i == O || i == OB;
        const double bound = !matrix ? 0
                             : last  ? 1 / sqrt((double)inner)
                                     : sqrt(6 / (double)((int64_t)d + 3 * inner));
        const int64_t rows = last ? (int64_t)d : inner, columns = !matrix ? 0 : last ? inner : (int64_t)d;
        if (!NET_TENSOR(b, &all, i, name[i], bound, e, rows, columns)) return -1;
    }
    int from[3];
    for (int i = Q; i <= O; i++) {
        struct net_node *n = net_part(b, NET_OP_dense, NULL, place, &in, 1);
        n->out.columns = i == O ? d : (size_t)inner;
        n->tensor[0] = all.tensor[i];
        n->tensor[1] = all.tensor[QB + i];
        if (i < O) from[i] = b->graph->nodes - 1;
        if (i != V) continue;
        net_part(b, NET_OP_attend, keys, place, from, 3);
        in = b->graph->nodes - 1;
    }
    return b->graph->nodes - 1;
}

static bool sees_all(const struct attention_keys *k)
{
    return k->mask == NO_MASK || k->mix < 1;
}

static struct net_range needs(const struct net_node *n, struct net_range live, int input)
{
    if (input == Q) return live;
    return (struct net_range){ 0, sees_all(n->keys) ? n->in.positions : live.first + live.count };
}

/* ---- in chunks ---- */

/* From the positions of seen[Q] to those of seen[K] and seen[V]. */
struct work {
    size_t m, e, heads, inner, first, targets, sources;
    size_t f, outer; /* width of a head's values, and of all */
    bool causal;
    real mix, scale;
    real *A, *dA; /* (targets, heads, sources, m): softmax, and its gradient */
};

static struct work open(const struct net_node *n, struct net_range live, size_t rows, real *kept)
{
    const struct attention_keys *k = n->keys;
    struct work w = { .m = rows,
                      .e = head_of(n),
                      .heads = (size_t)k->heads,
                      .inner = n->in.columns,
                      .f = n->out.columns / (size_t)k->heads,
                      .outer = n->out.columns,
                      .first = live.first,
                      .targets = live.count,
                      .sources = needs(n, live, K).count,
                      .causal = k->mask == CAUSAL,
                      .mix = (real)k->mix,
                      .A = kept };
    w.scale = (real)(1 / sqrt((double)w.e));
    w.dA = kept ? kept + rows * w.targets * w.heads * w.sources : NULL;
    return w;
}

static double sums(const struct net_node *n, struct net_range live)
{
    return (double)needs(n, live, K).count * (double)(n->in.columns + n->out.columns);
}

size_t net_heads(const void *keys)
{
    return (size_t)((const struct attention_keys *)keys)->heads;
}

bool net_weighs_one(const void *keys)
{
    return ((const struct attention_keys *)keys)->mix >= 1;
}

struct net_range net_sources(const struct net_node *n, struct net_range live)
{
    return needs(n, live, K);
}

static size_t keeps(const struct net_node *n, struct net_range live, size_t rows)
{
    const struct work w = open(n, live, rows, NULL);
    return 2 * rows * w.targets * w.heads * w.sources;
}

/* Where row i of a position begins. */
CLONED_WITH_CALLER size_t begin(const struct net_seen *p, size_t i, size_t inner)
{
    return (p->row ? (size_t)p->row[i] : i) * inner;
}

CLONED_WITH_CALLER real dot(const real *restrict x, const real *restrict y, size_t n)
{
    enum { LANES = 16 };
    real lane[LANES] = { 0 };
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++) lane[k] += x[i + k] * y[i + k];
    for (size_t k = 0; i + k < n; k++) lane[k] += x[i + k] * y[i + k];
    return sums_lanes(lane, LANES);
}

CLONED_WITH_CALLER void add_scaled(real *restrict out, real by, const real *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] += by * x[i];
}

static size_t seen_by(const struct work *w, size_t target)
{
    return w->causal ? w->first + target + 1 : w->sources;
}

/* The weights of head h of a target for source p, or their gradients: a number for each row. */
CLONED_WITH_CALLER real *line(const struct work *w, real *of, size_t t, size_t h, size_t p)
{
    return of + ((t * w->heads + h) * w->sources + p) * w->m;
}

/* out[i] = scale x y, where x is row i of one and y of the other, n numbers of `columns` from `at` on. */
CLONED_WITH_CALLER void dots(size_t m, real *out, real scale, const struct net_seen *one,
                             const struct net_seen *other, size_t at, size_t n, size_t columns)
{
    for (size_t i = 0; i < m; i++)
        out[i] = scale * dot(one->at + begin(one, i, columns) + at, other->at + begin(other, i, columns) + at, n);
}

/* Scores become weights, so many rows at a time; those that are not seen are 0. */
enum { ROWS = 64 };
CLONED_WITH_CALLER void softmax(const struct work *w, size_t t, size_t h, size_t from, size_t rows)
{
    const size_t seen = seen_by(w, t);
    real top[ROWS];
    double sum[ROWS] = { 0 };
    for (size_t i = 0; i < rows; i++) top[i] = line(w, w->A, t, h, 0)[from + i];
    for (size_t p = 1; p < seen; p++) {
        const real *restrict a = line(w, w->A, t, h, p) + from;
        for (size_t i = 0; i < rows; i++) top[i] = a[i] > top[i] ? a[i] : top[i];
    }
    for (size_t p = 0; p < seen; p++) {
        real *restrict a = line(w, w->A, t, h, p) + from;
        for (size_t i = 0; i < rows; i++) {
            const double power = exp_inline((double)a[i] - (double)top[i]);
            a[i] = (real)power;
            sum[i] += power;
        }
    }
    for (size_t p = 0; p < w->sources; p++) {
        real *restrict a = line(w, w->A, t, h, p) + from;
        for (size_t i = 0; i < rows; i++) a[i] = p < seen ? (real)((double)a[i] / sum[i]) : 0;
    }
}

CLONES static void weigh_scores(const struct work *w)
{
    for (size_t t = 0; t < w->targets; t++)
        for (size_t h = 0; h < w->heads; h++)
            for (size_t i = 0; i < w->m; i += ROWS) softmax(w, t, h, i, w->m - i < ROWS ? w->m - i : ROWS);
}

CLONES static void score_all(const struct work *w, const struct net_step *s)
{
    for (size_t t = 0; t < w->targets; t++)
        for (size_t h = 0; h < w->heads; h++)
            for (size_t p = 0; p < seen_by(w, t); p++)
                dots(w->m, line(w, w->A, t, h, p), w->scale, &s->seen[Q][t], &s->seen[K][p], h * w->e, w->e,
                     w->inner);
}

static void weigh_all(const struct work *w, const struct net_step *s)
{
    score_all(w, s);
    weigh_scores(w);
}

/* Each row is the weighted sum of its sources. */
CLONES static void attend(const struct work *w, const struct net_step *s)
{
    real *z = s->out;
    memset(z, 0, w->targets * w->m * w->outer * sizeof *z);
    for (size_t t = 0; t < w->targets; t++) {
        const size_t sources = w->mix < 1 ? w->sources : seen_by(w, t);
        for (size_t i = 0; i < w->m; i++)
            for (size_t h = 0; h < w->heads; h++, z += w->f)
                for (size_t p = 0; p < sources; p++) {
                    const struct net_seen *v = &s->seen[V][p];
                    add_scaled(z, w->mix * line(w, w->A, t, h, p)[i] + (1 - w->mix),
                               v->at + begin(v, i, w->outer) + h * w->f, w->f);
                }
    }
}

/* dA becomes the gradient of the scores: scale mix a (da - mean), where mean is that of da by the weights. */
CLONED_WITH_CALLER void softmax_back(const struct work *w, size_t t, size_t h, size_t from, size_t rows)
{
    const size_t seen = seen_by(w, t);
    real mean[ROWS] = { 0 };
    for (size_t p = 0; p < seen; p++) {
        const real *restrict a = line(w, w->A, t, h, p) + from, *restrict da = line(w, w->dA, t, h, p) + from;
        for (size_t i = 0; i < rows; i++) mean[i] += a[i] * da[i];
    }
    for (size_t p = 0; p < seen; p++) {
        const real *restrict a = line(w, w->A, t, h, p) + from;
        real *restrict da = line(w, w->dA, t, h, p) + from;
        for (size_t i = 0; i < rows; i++) da[i] = w->scale * w->mix * a[i] * (da[i] - mean[i]);
    }
}

CLONES static void weigh_back(const struct work *w, const struct net_step *s)
{
    for (size_t t = 0; t < w->targets; t++) {
        const struct net_seen dz = { .at = s->dout + t * w->m * w->outer };
        for (size_t h = 0; h < w->heads; h++) {
            for (size_t p = 0; p < seen_by(w, t); p++)
                dots(w->m, line(w, w->dA, t, h, p), 1, &dz, &s->seen[V][p], h * w->f, w->f, w->outer);
            for (size_t i = 0; i < w->m; i += ROWS) softmax_back(w, t, h, i, w->m - i < ROWS ? w->m - i : ROWS);
        }
    }
}

/* From dz to dv, row after row. */
CLONES static void attend_back(const struct work *w, const struct net_step *s)
{
    const real *dz = s->dout;
    for (size_t t = 0; t < w->targets; t++) {
        const size_t sources = w->mix < 1 ? w->sources : seen_by(w, t);
        for (size_t i = 0; i < w->m; i++)
            for (size_t h = 0; h < w->heads; h++, dz += w->f)
                for (size_t p = 0; p < sources; p++) {
                    const struct net_seen *v = &s->seen[V][p];
                    add_scaled(v->dat + begin(v, i, w->outer) + h * w->f,
                               w->mix * line(w, w->A, t, h, p)[i] + (1 - w->mix), dz, w->f);
                }
    }
}

/* From the gradients of the scores to dq and dk. */
CLONES static void scores_back(const struct work *w, const struct net_step *s)
{
    for (size_t t = 0; t < w->targets; t++) {
        const struct net_seen *from = &s->seen[Q][t];
        for (size_t i = 0; i < w->m; i++)
            for (size_t h = 0; h < w->heads; h++) {
                const size_t q = begin(from, i, w->inner) + h * w->e;
                for (size_t p = 0; p < seen_by(w, t); p++) {
                    const struct net_seen *k = &s->seen[K][p];
                    const size_t place = begin(k, i, w->inner) + h * w->e;
                    const real slope = line(w, w->dA, t, h, p)[i];
                    add_scaled(from->dat + q, slope, k->at + place, w->e);
                    add_scaled(k->dat + place, slope, from->at + q, w->e);
                }
            }
    }
}

static void forward(const struct net_step *s)
{
    const struct work w = open(s->node, s->live, s->rows, s->kept);
    weigh_all(&w, s);
    attend(&w, s);
}

static void backward(const struct net_step *s)
{
    const struct work w = open(s->node, s->live, s->rows, s->kept);
    weigh_back(&w, s);
    attend_back(&w, s);
    scores_back(&w, s);
}

const struct net_operation REAL_NAME(net_op_attend) = {
    .kind = { .name = "attend", .summary = "what queries make of keys and values", .source = "" },
    .reach = NET_ACROSS,
    .apart = true,
    .gathers = true,
    .needs = needs,
    .lower = net_attention_lower,
    .keeps = keeps,
    .sums = sums,
    .forward = forward,
    .backward = backward,
};

/* ---- the weights alone: at each target, for each head, those of all sources, in a row ---- */

static double sums_weigh(const struct net_node *n, struct net_range live)
{
    return (double)needs(n, live, K).count * (double)n->in.columns;
}

/* Between rows of out, or dout, and the lines of A, or dA. */
static void put_weights(const struct work *w, real *out)
{
    memset(out, 0, w->targets * w->m * w->outer * sizeof *out);
    for (size_t t = 0; t < w->targets; t++)
        for (size_t h = 0; h < w->heads; h++)
            for (size_t p = 0; p < (w->mix < 1 ? w->sources : seen_by(w, t)); p++) {
                const real *restrict a = line(w, w->A, t, h, p);
                real *restrict to = out + t * w->m * w->outer + h * w->f + p;
                for (size_t i = 0; i < w->m; i++) to[i * w->outer] = w->mix * a[i] + (1 - w->mix);
            }
}

static void take_slopes(const struct work *w, const real *dout)
{
    for (size_t t = 0; t < w->targets; t++)
        for (size_t h = 0; h < w->heads; h++) {
            for (size_t p = 0; p < seen_by(w, t); p++) {
                const real *restrict from = dout + t * w->m * w->outer + h * w->f + p;
                real *restrict da = line(w, w->dA, t, h, p);
                for (size_t i = 0; i < w->m; i++) da[i] = from[i * w->outer];
            }
            for (size_t i = 0; i < w->m; i += ROWS) softmax_back(w, t, h, i, w->m - i < ROWS ? w->m - i : ROWS);
        }
}

static void forward_weigh(const struct net_step *s)
{
    const struct work w = open(s->node, s->live, s->rows, s->kept);
    weigh_all(&w, s);
    put_weights(&w, s->out);
}

static void backward_weigh(const struct net_step *s)
{
    const struct work w = open(s->node, s->live, s->rows, s->kept);
    take_slopes(&w, s->dout);
    scores_back(&w, s);
}

const struct net_operation REAL_NAME(net_op_weigh) = {
    .kind = { .name = "weigh", .summary = "the weights of sources", .source = "" },
    .reach = NET_ACROSS,
    .apart = true,
    .gathers = true,
    .needs = needs,
    .keeps = keeps,
    .sums = sums_weigh,
    .forward = forward_weigh,
    .backward = backward_weigh,
};

/* ---- the same from a table of scores, of each row of queries by all rows of keys ---- */

enum { SCORES, KEYS };

static double sums_pick(const struct net_node *n, struct net_range live)
{
    return (double)(needs(n, live, K).count * net_heads(n->keys));
}

/* Where the score of source p for row i is, of the first head. */
CLONED_WITH_CALLER size_t place_of(const struct net_step *s, size_t t, size_t p, size_t i)
{
    const struct net_seen *key = &s->seen[KEYS][p];
    return begin(&s->seen[SCORES][t], i, s->columns[SCORES]) + key->first + begin(key, i, 1);
}

static void forward_pick(const struct net_step *s)
{
    const struct work w = open(s->node, s->live, s->rows, s->kept);
    const size_t by_head = s->columns[SCORES] / w.heads;
    for (size_t t = 0; t < w.targets; t++)
        for (size_t h = 0; h < w.heads; h++) {
            const real *score = s->seen[SCORES][t].at + h * by_head;
            for (size_t p = 0; p < seen_by(&w, t); p++) {
                real *a = line(&w, w.A, t, h, p);
                for (size_t i = 0; i < w.m; i++) a[i] = w.scale * score[place_of(s, t, p, i)];
            }
        }
    weigh_scores(&w);
    put_weights(&w, s->out);
}

static void backward_pick(const struct net_step *s)
{
    const struct work w = open(s->node, s->live, s->rows, s->kept);
    const size_t by_head = s->columns[SCORES] / w.heads;
    take_slopes(&w, s->dout);
    for (size_t t = 0; t < w.targets; t++)
        for (size_t h = 0; h < w.heads; h++) {
            real *dscore = s->seen[SCORES][t].dat + h * by_head;
            for (size_t p = 0; p < seen_by(&w, t); p++) {
                const real *da = line(&w, w.dA, t, h, p);
                for (size_t i = 0; i < w.m; i++) dscore[place_of(s, t, p, i)] += da[i];
            }
        }
}

const struct net_operation REAL_NAME(net_op_pick) = {
    .kind = { .name = "pick", .summary = "the weights of sources whose scores stand in a table", .source = "" },
    .reach = NET_ACROSS,
    .apart = true,
    .gathers = true,
    .needs = needs,
    .keeps = keeps,
    .sums = sums_pick,
    .forward = forward_pick,
    .backward = backward_pick,
};

const struct net_operation REAL_NAME(net_op_attention) = {
    .kind = { .name = "attention",
              .summary =
                  "positions read from one another: Q, K, V (heads d_head, width) and O (width, heads d_head); "
                  "drawn as PyTorch's MultiheadAttention, Q, K and V uniformly within sqrt(6 / (width + 3 heads "
                  "d_head)), O within 1 / sqrt(heads d_head), biases 0",
              .source = "Vaswani et al. (arXiv 1706.03762)",
              .fields = fields,
              .config_size = sizeof(struct attention_keys) },
    .takes = 1 << NET_SEQUENCE,
    .parts = parts,
};
