#define TOMBOLA_REAL 64
#include "measure/progress_private.h"

#include "model/model.h"
#include "num/blas.h"

#include <math.h>
#include <string.h>

/* The order of a loss's values, but for what is in no data set. */
enum { ALL, TRAIN, TEST, PARTS = PROGRESS_SETS };
enum { OTHER = ALL };

struct part {
    struct dataset pairs;
    double *logits; /* (p, pairs), and behind them those of '=' if it has any */
    double *wave;   /* (waves, pairs)                                         */
    double *work;   /* (p, pairs)                                             */
};

/* A wave is a function of pairs, of length 1 over all of them.  Places have two: cos and sin of a + b. */
struct progress_logits {
    size_t p, frequencies, waves;
    const double *basis;
    struct part part[PARTS];
    double *along; /* (waves, p): wave' Z */
};

void progress_basis(double *out, size_t p, struct arena *scratch)
{
    struct arena_mark m = arena_mark(scratch);
    double *squares = ARENA_NEW(scratch, p, double);
    for (size_t i = 0; i < p; i++)
        for (size_t x = 0; x < p; x++) {
            const double angle = 2 * acos(-1) * (double)((i + 1) / 2 * x % p) / (double)p;
            out[i * p + x] = i == 0 ? 1 : i % 2 ? cos(angle) : sin(angle);
            squares[i] += out[i * p + x] * out[i * p + x];
        }
    for (size_t i = 0; i < p; i++)
        for (size_t x = 0; x < p; x++) out[i * p + x] /= sqrt(squares[i]);
    arena_rewind(scratch, m);
}

struct dataset progress_pairs(size_t p, struct arena *a)
{
    int32_t *token = ARENA_NEW(a, 2 * p * p, int32_t);
    for (size_t i = 0; i < p * p; i++) {
        token[2 * i] = (int32_t)(i / p);
        token[2 * i + 1] = (int32_t)(i % p);
    }
    return (struct dataset){ .n = p * p, .width = 2, .token = token };
}

/* ---- opening ---- */

static struct dataset other_pairs(const struct task_data *data, size_t p, struct arena *a)
{
    const struct dataset *const used[] = { &data->train, &data->test };
    bool *seen = ARENA_NEW(a, p * p, bool);
    for (size_t s = 0; s < ARRAY_LEN(used); s++)
        for (size_t i = 0; i < used[s]->n; i++)
            seen[(size_t)used[s]->token[2 * i] * p + (size_t)used[s]->token[2 * i + 1]] = true;
    struct dataset all = progress_pairs(p, a), other = { .width = 2 };
    int32_t *token = ARENA_NEW(a, 2 * p * p, int32_t), *label = ARENA_NEW(a, p * p, int32_t);
    for (size_t i = 0; i < p * p; i++) {
        if (seen[i]) continue;
        memcpy(token + 2 * other.n, all.token + 2 * i, 2 * sizeof *token);
        label[other.n++] = (int32_t)((i / p + i % p) % p);
    }
    other.token = token;
    other.label = label;
    return other;
}

static void fill_waves(const struct progress_logits *z, const struct part *part)
{
    const size_t p = z->p, n = part->pairs.n;
    for (size_t at = 0; at <= z->frequencies; at++) {
        const bool last = at == z->frequencies;
        const double *c = z->basis + (last ? p - 3 : 2 * at + 1) * p, *s = z->basis + (last ? p - 2 : 2 * at + 2) * p;
        double *wave = part->wave + 2 * at * n;
        for (size_t i = 0; i < n; i++) {
            const size_t x = (size_t)part->pairs.token[2 * i], y = (size_t)part->pairs.token[2 * i + 1];
            wave[i] = (c[x] * c[y] - s[x] * s[y]) / sqrt(2);
            wave[n + i] = (s[x] * c[y] + c[x] * s[y]) / sqrt(2);
        }
    }
}

static void open_part(struct progress_logits *z, struct part *part, const struct measure_probe *p, struct net *net)
{
    const size_t n = part->pairs.n, outputs = model_outputs(p->at.model, p->at.model_config, p->at.shape);
    if (n == 0) return;
    part->logits = ARENA_NEW(p->scratch, outputs * n, double);
    part->wave = ARENA_NEW(p->scratch, z->waves * n, double);
    part->work = ARENA_NEW(p->scratch, z->p * n, double);
    p->at.model->forward(net, &part->pairs, part->logits);
    fill_waves(z, part);
    blas_gemm_nt(z->along, part->wave, part->logits, z->waves, z->p, n, 1);
}

struct progress_logits *progress_logits_open(const struct measure_probe *p, const double *basis, struct net *net)
{
    struct progress_logits *z = ARENA_NEW(p->scratch, 1, struct progress_logits);
    z->p = (size_t)p->at.shape->classes;
    z->frequencies = progress_frequencies(z->p);
    z->waves = 2 * (z->frequencies + 1);
    z->basis = basis;
    z->along = ARENA_NEW(p->scratch, z->waves * z->p, double);
    z->part[TRAIN].pairs = p->data->train;
    z->part[TEST].pairs = p->data->test;
    z->part[OTHER].pairs = other_pairs(p->data, z->p, p->scratch);
    for (size_t i = 0; i < PARTS; i++) open_part(z, &z->part[i], p, net);
    return z;
}

/* ---- parts of the logits ---- */

/* work += sign times the part of Z along a place. */
static void add_along(struct progress_logits *z, size_t at, double sign)
{
    const double *cosine = z->along + 2 * at * z->p, *sine = cosine + z->p;
    for (struct part *part = z->part; part < z->part + PARTS; part++) {
        const size_t n = part->pairs.n;
        const double *wave = part->wave + 2 * at * n;
        for (size_t c = 0; c < z->p && n > 0; c++)
            for (size_t i = 0; i < n; i++)
                part->work[c * n + i] += sign * (wave[i] * cosine[c] + wave[n + i] * sine[c]);
    }
}

/* work = factor * Z */
static void set_work(struct progress_logits *z, double factor)
{
    for (struct part *part = z->part; part < z->part + PARTS; part++)
        for (size_t i = 0; i < z->p * part->pairs.n; i++) part->work[i] = factor * part->logits[i];
}

/* Over all pairs the loss is the mean of the parts'. */
static void loss_of_work(struct progress_logits *z, double loss[PROGRESS_SETS])
{
    double sum = 0, pairs = 0;
    for (size_t i = 0; i < PARTS; i++) {
        const struct dataset *d = &z->part[i].pairs;
        if (d->n == 0) continue;
        loss[i] = softmax_cross_entropy(z->part[i].work, d->label, d->n, z->p).loss;
        sum += loss[i] * (double)d->n;
        pairs += (double)d->n;
    }
    loss[ALL] = sum / pairs;
}

void progress_loss(struct progress_logits *z, double loss[PROGRESS_SETS])
{
    progress_excluded(z, NULL, 0, loss);
}

void progress_excluded(struct progress_logits *z, const size_t *at, size_t count, double loss[PROGRESS_SETS])
{
    set_work(z, 1);
    for (size_t i = 0; i < count; i++) add_along(z, at[i], -1);
    loss_of_work(z, loss);
}

/* To each logit of work the mean over all pairs of Z - work is added. */
static void add_mean_rest(struct progress_logits *z)
{
    for (size_t c = 0; c < z->p; c++) {
        double rest = 0, pairs = 0;
        for (const struct part *part = z->part; part < z->part + PARTS; part++) {
            const size_t n = part->pairs.n;
            for (size_t i = c * n; i < (c + 1) * n; i++) rest += part->logits[i] - part->work[i];
            pairs += (double)n;
        }
        for (const struct part *part = z->part; part < z->part + PARTS; part++) {
            const size_t n = part->pairs.n;
            for (size_t i = c * n; i < (c + 1) * n; i++) part->work[i] += rest / pairs;
        }
    }
}

void progress_restricted(struct progress_logits *z, const size_t *at, size_t count, double loss[PROGRESS_SETS])
{
    set_work(z, 0);
    for (size_t i = 0; i < count; i++) add_along(z, at[i], 1);
    add_mean_rest(z);
    loss_of_work(z, loss);
}

/* B is a sum of products of a wave and a function of c. */
double progress_cosine(const struct progress_logits *z, size_t at)
{
    const double *wave = z->along + 2 * at * z->p, *function = z->basis + (2 * at + 1) * z->p;
    double sum = 0;
    for (size_t i = 0; i < 2 * z->p; i++) sum += wave[i] * function[i];
    return sum / sqrt(2);
}
