#include "base/text.h"
#include "num/real.h"
#define sgld_walk REAL_NAME(sgld_walk)

#include "measure/sgld.h"

#include "model/model.h"
#include "num/clones.h"
#include "num/convert.h"
#include "num/shuffled.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct walk {
    const struct sgld *s;
    const struct model_kind *model;
    struct task_data data;
    struct net *net;
    struct rng noise;
    struct shuffled shuffled;
    size_t n, outputs, seen, batch;
    uint64_t pass;
    const uint8_t *mask;
    bool masked; /* it is not all ones */
    real *start, *w, *gradient, *logits;
};

static size_t batch_of(const struct sgld *s)
{
    const size_t n = s->probe->data->train.n;
    return s->batch == 0 || (size_t)s->batch > n ? n : (size_t)s->batch;
}

static void walk_open(struct walk *k, const struct sgld *s, const struct model_kind *model)
{
    const struct measure_probe *p = s->probe;
    const struct measure_site *at = &p->at;
    char name[96];
    MUST(text_print(name, sizeof name, "%s/noise", s->stream));
    *k = (struct walk){ .s = s,
                        .model = model,
                        .data = *p->data,
                        .noise = rng_open(p->seed, name),
                        .n = at->layout->n,
                        .outputs = model_outputs(model, at->model_config, at->shape),
                        .batch = batch_of(s),
                        .mask = p->mask,
                        .start = ARENA_NEW(p->scratch, at->layout->n, real),
                        .w = ARENA_NEW(p->scratch, at->layout->n, real),
                        .gradient = ARENA_NEW(p->scratch, at->layout->n, real) };
    convert_data(&k->data, p->scratch);
    k->net = model->open(at->model_config, at->layout, at->shape, k->batch, p->scratch);
    k->logits = ARENA_NEW(p->scratch, k->batch * k->outputs, real);
    k->masked = memchr(p->mask, 0, k->n) != NULL;
    for (size_t i = 0; i < k->n; i++) k->w[i] = k->start[i] = (real)p->theta[i];
    if (k->batch < k->data.train.n)
        shuffled_open(&k->shuffled, &k->data.train, (size_t)k->data.classes, k->batch, p->scratch);
}

/* Every pass takes each example once, the last batch of it what is left. */
static struct dataset next_batch(struct walk *k)
{
    if (k->batch == k->data.train.n) return k->data.train;
    if (k->seen == 0) {
        char name[96];
        MUST(text_print(name, sizeof name, "%s/batch/%llu", k->s->stream, (unsigned long long)k->pass++));
        shuffled_draw(&k->shuffled, rng_open(k->s->probe->seed, name));
    }
    const struct dataset d = shuffled_slice(&k->shuffled, k->seen);
    k->seen = (k->seen + d.n) % k->data.train.n;
    return d;
}

/* The loss where the walk stands, and, but for the last, its gradient. */
static double look(struct walk *k, bool last)
{
    const struct loss *loss = &k->s->probe->at.loss;
    const struct dataset d = next_batch(k);
    k->model->prepare(k->net, k->w);
    k->model->forward(k->net, &d, k->logits);
    if (last) return loss_evaluate(loss, k->logits, &d, k->outputs).loss;
    const double value = loss_gradient(loss, k->logits, &d, k->outputs).loss;
    k->model->backward(k->net, &d, k->logits, k->gradient);
    return value;
}

struct factors {
    real slope, decay, pull, noise;
};

CLONES static void step_dense(real *restrict w, const real *restrict start, const real *restrict gradient,
                              const float *restrict z, size_t n, struct factors f)
{
    for (size_t i = 0; i < n; i++) {
        const real drift = f.slope * gradient[i] + f.decay * w[i] + f.pull * (w[i] - start[i]);
        w[i] = w[i] - drift + f.noise * (real)z[i];
    }
}

/* Where the mask is 0 the walk stays at 0, whatever was added. */
static void step_chunk(struct walk *k, size_t from, size_t n, const float *z, struct factors f)
{
    step_dense(k->w + from, k->start + from, k->gradient + from, z, n, f);
    for (size_t i = from; i < from + n && k->masked; i++) k->w[i] = k->mask[i] ? k->w[i] : 0;
}

/* What a network remembers is no weight: it stays. */
static void keep_state(struct walk *k)
{
    const struct layout *l = k->s->probe->at.layout;
    for (int i = 0; i < l->count; i++)
        if (l->tensor[i].state)
            memcpy(k->w + l->tensor[i].offset, k->start + l->tensor[i].offset, l->tensor[i].size * sizeof *k->w);
}

static void step(struct walk *k, int64_t at)
{
    const struct sgld *s = k->s;
    const struct factors f = { (real)(s->epsilon / 2 * s->nbeta), (real)(s->epsilon / 2 * s->weight_decay),
                               (real)(s->epsilon / 2 * s->gamma), (real)(sqrt(s->epsilon) * s->noise) };
    const uint64_t chunks = (k->n + NOISE_CHUNK - 1) / NOISE_CHUNK;
    float room[NOISE_CHUNK];
    for (uint64_t c = 0; c < chunks; c++) {
        const size_t from = c * NOISE_CHUNK, left = k->n - from;
        const float *z = room;
        if (s->draw)
            z = s->draw(s->ctx, at, c, room);
        else
            noise_chunk(room, &k->noise, (uint64_t)at * chunks + c);
        step_chunk(k, from, left < NOISE_CHUNK ? left : NOISE_CHUNK, z, f);
    }
    keep_state(k);
}

int sgld_walk(const struct sgld *s, const struct model_kind *model, double *losses, int64_t *left, double *last,
              struct err *e)
{
    struct arena_mark mark = arena_mark(s->probe->scratch);
    struct walk k;
    int rc = 0;
    walk_open(&k, s, model);
    *left = -1;
    for (int64_t t = 0;; t++) {
        losses[t] = look(&k, t == s->steps);
        if (!(losses[t] <= s->bound)) *left = t;
        if (*left == t || t == s->steps || (rc = measure_tick(s->probe, e))) break;
        step(&k, t);
    }
    for (size_t i = 0; last && i < k.n; i++) last[i] = (double)k.w[i];
    arena_rewind(s->probe->scratch, mark);
    return rc;
}
