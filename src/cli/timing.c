#include "cli/timing.h"
#include "cli/room.h"
#include "job/estimate.h"

#include <math.h>
#include <string.h>

/* Of shapes and bytes, what is tried; seconds of training, and at most of one measure. */
enum { SHAPES = 16, BYTES = 1 << 28 };
#define TRAINING 0.1
#define MEASURE  2.0

static bool is_tried(const struct sheet *s, size_t job)
{
    const struct plan_job *j = &s->plan.job[job];
    return spec_is_nothing(&s->plan.shape[j->shape].example) ||
           (j->shape < SHAPES && room_of_job(&s->plan, job) <= BYTES);
}

/* ---- epochs ---- */

static double time_epoch(const struct sheet *s, size_t job)
{
    const struct job_spec *spec = &s->plan.shape[s->plan.job[job].shape].example;
    const struct watch *w = &s->plan.watch[s->plan.job[job].watch];
    const double epochs = (double)w->epochs / (double)clock_epoch(w->clock);
    const double every = fmax(epochs, 1) / (double)watch_points(w); /* epochs between two evaluations */
    if (!is_tried(s, job)) return (double)NAN;
    return (spec->training.precision == PRECISION_DOUBLE ? estimate_epoch_f64 : estimate_epoch_f32)(spec, every,
                                                                                                    TRAINING);
}

/* One that is trained, if there is any: epochs may be 0. */
static size_t job_of_shape(const struct plan *p, size_t shape)
{
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < p->jobs && (found == SIZE_MAX || plan_epochs(p, found) <= 0); i++)
        if (p->job[i].shape == shape && (found == SIZE_MAX || plan_epochs(p, i) > 0)) found = i;
    return found;
}

static void time_epochs(struct timing *t, struct sheet *s)
{
    double sum = 0;
    t->epoch = ARENA_NEW(&s->arena, s->plan.shapes + 1, double);
    for (size_t i = 0; i < s->plan.shapes; i++) {
        t->epoch[i] = time_epoch(s, job_of_shape(&s->plan, i));
        if (isnan(t->epoch[i])) continue;
        sum += t->epoch[i];
        t->shapes++;
    }
    for (size_t i = 0; i < s->plan.shapes; i++)
        if (isnan(t->epoch[i])) t->epoch[i] = sum / (double)t->shapes;
}

/* ---- measures: tried once for each shape, which many families share ---- */

struct trial {
    uint32_t shape;
    const struct watch_measure *measure;
    struct measure_cost cost;
    struct trial *next;
};

static bool is_same(const struct trial *t, uint32_t shape, const struct watch_measure *m)
{
    return t->shape == shape && t->measure->kind == m->kind && !strcmp(t->measure->options, m->options);
}

static struct measure_cost time_measure(struct sheet *s, size_t job, const struct watch_measure *m,
                                        struct trial **tried)
{
    const uint32_t shape = s->plan.job[job].shape;
    struct trial *t = *tried;
    while (t && !is_same(t, shape, m)) t = t->next;
    if (!t) {
        t = ARENA_NEW(&s->arena, 1, struct trial);
        *t = (struct trial){ shape, m, { .more = true }, *tried };
        if (is_tried(s, job)) t->cost = estimate_measure(&s->plan.shape[shape].example, m, MEASURE);
        *tried = t;
    }
    return t->cost;
}

static void time_measures(struct timing *t, struct sheet *s)
{
    struct trial *tried = NULL;
    t->measure = ARENA_NEW(&s->arena, s->plan.families + 1, double);
    t->once = ARENA_NEW(&s->arena, s->plan.families + 1, double);
    for (size_t i = 0; i < s->plan.families; i++) t->measure[i] = (double)NAN;
    for (size_t i = 0; i < s->plan.jobs; i++) {
        const struct watch *w = &s->plan.watch[s->plan.job[i].watch];
        double *seconds = &t->measure[s->plan.job[i].family];
        if (!isnan(*seconds) || s->state[i] == JOB_DONE) continue;
        *seconds = 0;
        for (size_t m = 0; m < w->measures; m++) {
            const struct measure_cost cost = time_measure(s, i, &w->measure[m], &tried);
            *seconds += cost.once + cost.checkpoint * (double)watch_slots(w);
            t->once[s->plan.job[i].family] += cost.once;
            t->more = t->more || cost.more;
        }
    }
}

void timing_take(struct timing *out, struct sheet *s)
{
    *out = (struct timing){ .epoch = NULL };
    time_epochs(out, s);
    time_measures(out, s);
}
