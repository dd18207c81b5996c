#include "model/transformer.h"

#include "base/arena.h"
#include "base/err.h"
#include "model/activation_plain.h"
#include "num/scalar.h"

#include <math.h>
#include <string.h>

/* A matrix of theta with its gradient; v NULL: the tensor is not there. */
struct matrix {
    const scalar *v;
    scalar *g; /* NULL in a forward pass */
    size_t rows, columns;
};

struct plain {
    const struct transformer_config *config;
    size_t d, k, heads, h, c, p, sources, last; /* sources: positions; last: the one read */
    struct matrix W_E, W_pos, W_K, W_Q, W_V, W_O, W_in, b_in, W_out, b_out, W_U; /* W_K, W_Q, W_V: heads stacked  */
    scalar *x, *key, *value; /* (sources, d), (sources, heads * k) twice */
    scalar *q, *A, *z, *r;   /* (heads * k), (heads, sources), (heads * k): mixed values, (d): residual stream  */
    scalar *u, *act, *y;     /* (h), (h), (d) */
    scalar *dx, *dkey, *dvalue, *dq, *dA, *dz, *dr, *du, *dy;
};

/* out = M x (+ out) */
static void apply(scalar *out, const struct matrix *M, const scalar *x, bool add)
{
    for (size_t i = 0; i < M->rows; i++) {
        scalar sum = add ? out[i] : 0;
        for (size_t j = 0; j < M->columns; j++) sum += M->v[i * M->columns + j] * x[j];
        out[i] = sum;
    }
}

/* dx += M' dout, dM += dout x' */
static void apply_back(scalar *dx, const struct matrix *M, const scalar *x, const scalar *dout)
{
    for (size_t i = 0; i < M->rows; i++)
        for (size_t j = 0; j < M->columns; j++) {
            M->g[i * M->columns + j] += dout[i] * x[j];
            dx[j] += M->v[i * M->columns + j] * dout[i];
        }
}

static struct matrix find(const struct layout *l, const char *name, const scalar *theta, scalar *gradient)
{
    const struct tensor *t = layout_find(l, name);
    if (!t) return (struct matrix){ 0 };
    size_t columns = (size_t)t->dim[t->rank - 1];
    return (struct matrix){ theta + t->offset, gradient ? gradient + t->offset : NULL, t->size / columns, columns };
}

static void plain_open(struct plain *m, const struct transformer_config *config, const struct layout *l, size_t width,
                       const scalar *theta, scalar *gradient)
{
    const struct {
        struct matrix *at;
        const char *name;
    } tensor[] = { { &m->W_E, "W_E" },     { &m->W_pos, "W_pos" }, { &m->W_K, "W_K" },   { &m->W_Q, "W_Q" },
                   { &m->W_V, "W_V" },     { &m->W_O, "W_O" },     { &m->W_in, "W_in" }, { &m->b_in, "b_in" },
                   { &m->W_out, "W_out" }, { &m->b_out, "b_out" }, { &m->W_U, "W_U" } };
    for (size_t i = 0; i < ARRAY_LEN(tensor); i++) *tensor[i].at = find(l, tensor[i].name, theta, gradient);
    m->config = config;
    m->d = m->W_E.rows;
    m->k = (size_t)transformer_head_width(config);
    m->heads = (size_t)config->heads;
    m->h = m->W_in.rows;
    m->c = m->W_U.columns;
    m->p = m->W_E.columns - config->equals;
    m->sources = width + config->equals;
    m->last = m->sources - 1;
}

static void plain_scratch(struct plain *m, struct arena *a)
{
    size_t all = m->heads * m->k, s = m->sources;
    const struct {
        scalar **at;
        size_t size;
    } array[] = { { &m->x, s * m->d },     { &m->key, s * all }, { &m->value, s * all },   { &m->q, all },
                  { &m->A, m->heads * s }, { &m->z, all },       { &m->r, m->d },          { &m->u, m->h },
                  { &m->act, m->h },       { &m->y, m->d },      { &m->dx, s * m->d },     { &m->dkey, s * all },
                  { &m->dvalue, s * all }, { &m->dq, all },      { &m->dA, m->heads * s }, { &m->dz, all },
                  { &m->dr, m->d },        { &m->du, m->h },     { &m->dy, m->d } };
    for (size_t i = 0; i < ARRAY_LEN(array); i++) *array[i].at = ARENA_NEW(a, array[i].size, scalar);
}

static size_t symbol_at(const struct plain *m, const int32_t *token, size_t s)
{
    return m->config->equals && s == m->last ? m->p : (size_t)token[s];
}

/* What the last position makes of the others. */
static void attend(struct plain *m)
{
    size_t all = m->heads * m->k;
    for (size_t h = 0; h < m->heads; h++) {
        scalar *A = m->A + h * m->sources, sum = 0;
        double max = -INFINITY;
        for (size_t s = 0; s < m->sources; s++) {
            A[s] = 0;
            for (size_t j = h * m->k; j < (h + 1) * m->k; j++) A[s] += m->q[j] * m->key[s * all + j];
            A[s] /= sqrt((double)m->k);
            max = fmax(max, scalar_real(A[s]));
        }
        for (size_t s = 0; s < m->sources; s++) sum += A[s] = scalar_exp(A[s] - max);
        for (size_t s = 0; s < m->sources; s++) A[s] /= sum;
        for (size_t j = h * m->k; j < (h + 1) * m->k; j++) {
            m->z[j] = 0;
            for (size_t s = 0; s < m->sources; s++) m->z[j] += A[s] * m->value[s * all + j];
        }
    }
}

static void attend_back(struct plain *m)
{
    size_t all = m->heads * m->k;
    for (size_t h = 0; h < m->heads; h++) {
        scalar *A = m->A + h * m->sources, *dA = m->dA + h * m->sources, dot = 0;
        for (size_t s = 0; s < m->sources; s++) {
            dA[s] = 0;
            for (size_t j = h * m->k; j < (h + 1) * m->k; j++) {
                dA[s] += m->dz[j] * m->value[s * all + j];
                m->dvalue[s * all + j] = A[s] * m->dz[j];
            }
            dot += A[s] * dA[s];
        }
        for (size_t s = 0; s < m->sources; s++) {
            scalar slope = A[s] * (dA[s] - dot) / sqrt((double)m->k);
            for (size_t j = h * m->k; j < (h + 1) * m->k; j++) {
                m->dq[j] += slope * m->key[s * all + j];
                m->dkey[s * all + j] = slope * m->q[j];
            }
        }
    }
}

static void run_forward(struct plain *m, const int32_t *token, scalar *logits, size_t stride)
{
    size_t d = m->d, all = m->heads * m->k;
    for (size_t s = 0; s < m->sources; s++) {
        scalar *x = m->x + s * d;
        for (size_t j = 0; j < d; j++)
            x[j] = m->W_E.v[j * m->W_E.columns + symbol_at(m, token, s)] + (m->W_pos.v ? m->W_pos.v[s * d + j] : 0);
        apply(m->key + s * all, &m->W_K, x, false);
        apply(m->value + s * all, &m->W_V, x, false);
    }
    apply(m->q, &m->W_Q, m->x + m->last * d, false);
    attend(m);
    memcpy(m->r, m->x + m->last * d, d * sizeof *m->r);
    apply(m->r, &m->W_O, m->z, true);
    for (size_t i = 0; i < m->h; i++) m->u[i] = m->b_in.v ? m->b_in.v[i] : 0;
    apply(m->u, &m->W_in, m->r, true);
    for (size_t i = 0; i < m->h; i++) m->act[i] = act(m->config->activation, m->u[i]);
    for (size_t j = 0; j < d; j++) m->y[j] = m->r[j] + (m->b_out.v ? m->b_out.v[j] : 0);
    apply(m->y, &m->W_out, m->act, true);
    for (size_t k = 0; k < m->c; k++) {
        logits[k * stride] = 0;
        for (size_t j = 0; j < d; j++) logits[k * stride] += m->W_U.v[j * m->c + k] * m->y[j];
    }
}

/* y = r + W_out act(u) + b_out, u = W_in r + b_in: from dlogits to dr. */
static void mlp_back(struct plain *m, const scalar *dlogits, size_t stride)
{
    for (size_t j = 0; j < m->d; j++) {
        m->dy[j] = 0;
        for (size_t k = 0; k < m->c; k++) {
            m->W_U.g[j * m->c + k] += m->y[j] * dlogits[k * stride];
            m->dy[j] += m->W_U.v[j * m->c + k] * dlogits[k * stride];
        }
        m->dr[j] = m->dy[j];
        if (m->b_out.v) m->b_out.g[j] += m->dy[j];
    }
    memset(m->du, 0, m->h * sizeof *m->du);
    apply_back(m->du, &m->W_out, m->act, m->dy);
    for (size_t i = 0; i < m->h; i++) {
        m->du[i] *= act_slope(m->config->activation, m->u[i]);
        if (m->b_in.v) m->b_in.g[i] += m->du[i];
    }
    apply_back(m->dr, &m->W_in, m->r, m->du);
}

/* After run_forward of the same example. */
static void run_backward(struct plain *m, const int32_t *token, const scalar *dlogits, size_t stride)
{
    size_t d = m->d, all = m->heads * m->k;
    mlp_back(m, dlogits, stride);
    memset(m->dx, 0, m->sources * d * sizeof *m->dx);
    memset(m->dz, 0, all * sizeof *m->dz);
    memset(m->dq, 0, all * sizeof *m->dq);
    memcpy(m->dx + m->last * d, m->dr, d * sizeof *m->dx);
    apply_back(m->dz, &m->W_O, m->z, m->dr);
    attend_back(m);
    apply_back(m->dx + m->last * d, &m->W_Q, m->x + m->last * d, m->dq);
    for (size_t s = 0; s < m->sources; s++) {
        apply_back(m->dx + s * d, &m->W_K, m->x + s * d, m->dkey + s * all);
        apply_back(m->dx + s * d, &m->W_V, m->x + s * d, m->dvalue + s * all);
        for (size_t j = 0; j < d; j++) {
            m->W_E.g[j * m->W_E.columns + symbol_at(m, token, s)] += m->dx[s * d + j];
            if (m->W_pos.v) m->W_pos.g[s * d + j] += m->dx[s * d + j];
        }
    }
}

void SCALAR_NAME(transformer)(const void *config, const struct task_shape *shape, const struct layout *layout,
                              const struct dataset *d, const scalar *theta, scalar *logits, const scalar *dlogits,
                              scalar *gradient, const struct plain_guard *guard)
{
    struct arena a = { 0 };
    (void)shape;
    struct plain m = { 0 };
    plain_open(&m, config, layout, d->width, theta, gradient);
    plain_scratch(&m, &a);
    if (gradient) memset(gradient, 0, layout->n * sizeof *gradient);
    for (size_t i = 0; i < d->n && !plain_leaves(guard); i++) {
        run_forward(&m, d->token + i * d->width, logits + i, d->n);
        if (gradient) run_backward(&m, d->token + i * d->width, dlogits + i, d->n);
    }
    arena_release(&a);
}
