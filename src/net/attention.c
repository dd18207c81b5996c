#include "net/operation.h"
#include "num/blas.h"
#include "num/clones.h"
#include "num/exp.h"
#include "num/real.h"

#include <math.h>
#include <string.h>

enum { CAUSAL, NO_MASK };
static const char *const masks[] = { [CAUSAL] = "causal", [NO_MASK] = "none", NULL };

struct attention_keys {
    int64_t heads, d_head;
    int mask;
    bool bias;
    double mix;
};

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

static size_t head_of(const struct net_node *n)
{
    const struct attention_keys *k = n->keys;
    return k->d_head ? (size_t)k->d_head : n->in.columns / (size_t)k->heads;
}

static int shape(struct net_build *b, struct net_node *n, struct err *e)
{
    static const char *const name[] = { "Q", "K", "V", "O", "Qb", "Kb", "Vb", "Ob" };
    const struct attention_keys *k = n->keys;
    const int64_t d = (int64_t)n->in.columns;
    if (!k->d_head && d % k->heads)
        return err_set(e, ERR_SPEC, "%lld heads do not divide %lld, and no d_head is given", (long long)k->heads,
                       (long long)d);
    const int64_t inner = k->heads * (int64_t)head_of(n);
    for (int i = Q; i <= (k->bias ? OB : O); i++) {
        const bool matrix = i <= O, last = i == O || i == OB;
        const double bound = !matrix ? 0 : last ? 1 / sqrt((double)inner) : sqrt(6 / (double)(d + 3 * inner));
        const int64_t rows = last ? d : inner, columns = !matrix ? 0 : last ? inner : d;
        if (!NET_TENSOR(b, n, i, name[i], bound, e, rows, columns)) return -1;
    }
    return 0;
}

static bool sees_all(const struct attention_keys *k)
{
    return k->mask == NO_MASK || k->mix < 1;
}

static struct net_range needs(const struct net_node *n)
{
    return (struct net_range){ 0, sees_all(n->keys) ? n->in.positions : n->live.first + n->live.count };
}

/* ---- as the formula reads ---- */

static int project(struct tape *t, const struct net_node *n, int in, int matrix)
{
    const size_t d = n->in.columns, inner = head_of(n) * (size_t)((const struct attention_keys *)n->keys)->heads;
    const bool last = matrix == O;
    const size_t rows = last ? d : inner, columns = last ? inner : d;
    const int out =
        tape_product(t, in, tape_weights(t, n->tensor[matrix], rows * columns), n->in.positions, rows, columns);
    const ptrdiff_t bias = n->tensor[matrix + QB];
    return bias < 0 ? out : tape_add_row(t, out, tape_weights(t, bias, rows));
}

/* Of (positions, heads * e) the columns of one head, (positions, e) or turned. */
static int head_part(struct tape *t, const struct net_node *n, int of, size_t head, bool turned)
{
    const struct attention_keys *k = n->keys;
    const size_t e = head_of(n), P = n->in.positions, inner = e * (size_t)k->heads;
    int32_t *index = tape_gather(t, of, P * e);
    for (size_t p = 0; p < P; p++)
        for (size_t j = 0; j < e; j++) index[turned ? j * P + p : p * e + j] = (int32_t)(p * inner + head * e + j);
    return tape_last(t);
}

/* The weights of one head: (positions, positions). */
static int weigh(struct tape *t, const struct net_node *n, int q, int k_of_head)
{
    const struct attention_keys *k = n->keys;
    const size_t e = head_of(n), P = n->in.positions;
    int score = tape_scale(t, tape_product(t, q, k_of_head, P, P, e), 1 / sqrt((double)e));
    if (k->mask == CAUSAL) {
        double *hidden = ARENA_NEW(t->arena, P * P, double);
        for (size_t i = 0; i < P * P; i++) hidden[i] = i % P > i / P ? -1e9 : 0;
        score = tape_add(t, score, tape_constant(t, hidden, P * P));
    }
    const int top = tape_spread(t, tape_max(t, score, P), P);
    const int power = tape_unary(t, tape_add(t, score, tape_scale(t, top, -1)), TAPE_EXP, 0);
    const int sum = tape_unary(t, tape_sum(t, power, P), TAPE_RECIPROCAL, 0);
    const int weights = tape_multiply(t, power, tape_spread(t, sum, P));
    if (k->mix >= 1) return weights;
    double *rest = ARENA_NEW(t->arena, P * P, double);
    for (size_t i = 0; i < P * P; i++) rest[i] = 1 - k->mix;
    return tape_add(t, tape_scale(t, weights, k->mix), tape_constant(t, rest, P * P));
}

static int lower(struct tape *t, const struct net_node *n, const int *in)
{
    const struct attention_keys *k = n->keys;
    const size_t e = head_of(n), P = n->in.positions, inner = e * (size_t)k->heads;
    const int q = project(t, n, in[0], Q), keys = project(t, n, in[0], K), v = project(t, n, in[0], V);
    int z = -1;
    for (size_t h = 0; h < (size_t)k->heads; h++) {
        const int w = weigh(t, n, head_part(t, n, q, h, false), head_part(t, n, keys, h, false));
        const int own = tape_product(t, w, head_part(t, n, v, h, true), P, e, P);
        int32_t *index = tape_gather(t, own, P * inner);
        for (size_t i = 0; i < P * inner; i++) index[i] = i % inner / e == h ? (int32_t)(i / inner * e + i % e) : -1;
        z = h ? tape_add(t, z, tape_last(t)) : tape_last(t);
    }
    return project(t, n, z, O);
}

/* ---- in chunks ---- */

/* Values of the live positions, and of the sources that they see. */
struct work {
    size_t m, e, heads, inner, d, first, targets, sources;
    bool causal;
    real mix, scale;
    real *q, *z, *dq, *dz; /* (targets, m, inner) */
    real *k, *v, *dk, *dv; /* (sources, m, inner) */
    real *A;               /* (targets, m, heads, sources): softmax */
};

static struct work open(const struct net_node *n, size_t rows, real *kept)
{
    const struct attention_keys *k = n->keys;
    struct work w = { .m = rows,
                      .e = head_of(n),
                      .heads = (size_t)k->heads,
                      .d = n->in.columns,
                      .first = n->live.first,
                      .targets = n->live.count,
                      .sources = n->need.count,
                      .causal = k->mask == CAUSAL,
                      .mix = (real)k->mix };
    w.inner = w.e * w.heads;
    w.scale = (real)(1 / sqrt((double)w.e));
    real **const place[] = { &w.q, &w.z, &w.dq, &w.dz, &w.k, &w.v, &w.dk, &w.dv };
    for (size_t i = 0; i < ARRAY_LEN(place) && kept; i++) {
        *place[i] = kept;
        kept += (i < 4 ? w.targets : w.sources) * rows * w.inner;
    }
    w.A = kept;
    return w;
}

static size_t keeps(const struct net_node *n, size_t rows)
{
    const struct work w = open(n, rows, NULL);
    return rows * (4 * w.inner * (w.targets + w.sources) + w.targets * w.heads * w.sources);
}

/* In 16 sums side by side, and then a tree: the same bits on every level. */
CLONED_WITH_CALLER real dot(const real *restrict x, const real *restrict y, size_t n)
{
    enum { LANES = 16 };
    real lane[LANES] = { 0 };
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++) lane[k] += x[i + k] * y[i + k];
    for (size_t k = 0; i + k < n; k++) lane[k] += x[i + k] * y[i + k];
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t k = 0; k < half; k++) lane[k] += lane[k + half];
    return lane[0];
}

CLONED_WITH_CALLER void add_scaled(real *restrict out, real by, const real *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] += by * x[i];
}

/* Of `seen` scores; the others are 0. */
CLONED_WITH_CALLER void softmax(real *a, size_t seen, size_t all)
{
    real top = a[0];
    double sum = 0;
    for (size_t s = 1; s < seen; s++) top = a[s] > top ? a[s] : top;
    for (size_t s = 0; s < seen; s++) {
        const double power = exp_inline((double)a[s] - (double)top);
        a[s] = (real)power;
        sum += power;
    }
    for (size_t s = 0; s < all; s++) a[s] = s < seen ? (real)((double)a[s] / sum) : 0;
}

CLONES static void attend(const struct work *w)
{
    for (size_t t = 0; t < w->targets; t++)
        for (size_t r = t * w->m; r < (t + 1) * w->m; r++) {
            const size_t i = r - t * w->m, seen = w->causal ? w->first + t + 1 : w->sources;
            memset(w->z + r * w->inner, 0, w->inner * sizeof(real));
            for (size_t h = 0; h < w->heads; h++) {
                real *a = w->A + (r * w->heads + h) * w->sources;
                const size_t at = r * w->inner + h * w->e;
                for (size_t s = 0; s < seen; s++)
                    a[s] = w->scale * dot(w->q + at, w->k + (s * w->m + i) * w->inner + h * w->e, w->e);
                softmax(a, seen, w->sources);
                for (size_t s = 0; s < w->sources; s++)
                    if (s < seen || w->mix < 1)
                        add_scaled(w->z + at, w->mix * a[s] + (1 - w->mix),
                                   w->v + (s * w->m + i) * w->inner + h * w->e, w->e);
            }
        }
}

/* From dz: dq, and to dk and dv. */
CLONES static void attend_back(const struct work *w)
{
    for (size_t t = 0; t < w->targets; t++)
        for (size_t r = t * w->m; r < (t + 1) * w->m; r++) {
            const size_t i = r - t * w->m, seen = w->causal ? w->first + t + 1 : w->sources;
            for (size_t h = 0; h < w->heads; h++) {
                const real *a = w->A + (r * w->heads + h) * w->sources;
                const size_t at = r * w->inner + h * w->e;
                real mean = 0;
                for (size_t s = 0; s < w->sources; s++) {
                    const size_t from = (s * w->m + i) * w->inner + h * w->e;
                    if (s >= seen && w->mix >= 1) break;
                    add_scaled(w->dv + from, w->mix * a[s] + (1 - w->mix), w->dz + at, w->e);
                    if (s < seen) mean += a[s] * dot(w->dz + at, w->v + from, w->e);
                }
                for (size_t s = 0; s < seen; s++) {
                    const size_t from = (s * w->m + i) * w->inner + h * w->e;
                    const real da = dot(w->dz + at, w->v + from, w->e) - mean;
                    const real slope = w->scale * w->mix * a[s] * da;
                    add_scaled(w->dq + at, slope, w->k + from, w->e);
                    add_scaled(w->dk + from, slope, w->q + at, w->e);
                }
            }
        }
}

/* out (rows, width) = in W' + b */
static void map(const struct net_step *s, real *out, const real *in, int matrix, size_t rows, size_t width,
                size_t inputs)
{
    const ptrdiff_t bias = s->node->tensor[matrix + QB];
    blas_gemm_nt(out, in, s->theta + s->node->tensor[matrix], rows, width, inputs, 0);
    if (bias >= 0) net_add_columns(out, s->theta + bias, rows, width);
}

/* The gradients of map; din, unless it is NULL, is beta din + that of in. */
static void map_back(const struct net_step *s, real *din, real beta, const real *dout, const real *in, int matrix,
                     size_t rows, size_t width, size_t inputs)
{
    const ptrdiff_t at = s->node->tensor[matrix], bias = s->node->tensor[matrix + QB];
    blas_gemm_tn(s->gradient + at, dout, in, width, inputs, rows, 1);
    if (bias >= 0) net_sum_columns(s->gradient + bias, dout, rows, width);
    if (din) blas_gemm_nn(din, dout, s->theta + at, rows, inputs, width, beta);
}

static void forward(const struct net_step *s)
{
    const struct work w = open(s->node, s->rows, s->kept);
    const size_t live = w.targets * w.m, all = w.sources * w.m;
    map(s, w.q, s->in[0] + w.first * w.m * w.d, Q, live, w.inner, w.d);
    map(s, w.k, s->in[0], K, all, w.inner, w.d);
    map(s, w.v, s->in[0], V, all, w.inner, w.d);
    attend(&w);
    map(s, s->out, w.z, O, live, w.d, w.inner);
}

static void backward(const struct net_step *s)
{
    const struct work w = open(s->node, s->rows, s->kept);
    const size_t live = w.targets * w.m, all = w.sources * w.m, own = w.first * w.m * w.d;
    map_back(s, w.dz, 0, s->dout, w.z, O, live, w.d, w.inner);
    memset(w.dq, 0, live * w.inner * sizeof(real));
    memset(w.dk, 0, all * w.inner * sizeof(real));
    memset(w.dv, 0, all * w.inner * sizeof(real));
    attend_back(&w);
    map_back(s, s->din[0], 0, w.dk, s->in[0], K, all, w.inner, w.d);
    map_back(s, s->din[0], 1, w.dv, s->in[0], V, all, w.inner, w.d);
    map_back(s, s->din[0] ? s->din[0] + own : NULL, 1, w.dq, s->in[0] + own, Q, live, w.inner, w.d);
}

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
    .shape = shape,
    .needs = needs,
    .lower = lower,
    .keeps = keeps,
    .forward = forward,
    .backward = backward,
};
