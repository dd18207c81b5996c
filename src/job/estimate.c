#include "job/estimate.h"
#include "base/clock.h"
#include "job/registry.h"
#include "job/trainer.h"
#include "num/convert.h"
#include "num/real.h"

#include <math.h>
#include <string.h>

struct timer {
    double start, end, budget;
    int64_t epochs;
};

static int on_tick(void *ctx, const struct train_state *s, struct err *e)
{
    struct timer *t = ctx;
    double now = clock_wall();
    if (s->epoch == 1) t->start = now; /* the first epoch warms the caches */
    t->end = now;
    t->epochs = s->epoch - 1;
    return s->epoch > 1 && now - t->start > t->budget ? err_set(e, ERR_STOPPED, "enough") : 0;
}

static double train_a_little(const struct job_spec *s, int64_t eval_every, double budget, struct arena *a)
{
    struct task_shape shape;
    struct layout layout;
    struct task_data data;
    struct err e = { 0 };
    if (spec_shape(s, 0, 0, &shape, &e) || spec_layout(s, &shape, &layout, &e) ||
        registry_task(s->task->name)->build(s->task_config, s->seed, NULL, a, &data, &e))
        return (double)NAN;
    data_convert(&data, a);
    struct trainer t = trainer_of(s, a);
    t.layout = &layout;
    t.shape = &shape;
    t.data = &data;
    t.epochs = 1000000;
    t.record = (struct record_plan){ eval_every, eval_every };
    train_open(&t, a);
    model_init(t.state.theta, &layout, s->seed);
    if (t.state.scores) model_init(t.state.scores, &layout, s->seed);
    struct timer timer = { .budget = budget };
    const struct train_hooks hooks = { .ctx = &timer, .tick = on_tick };
    train_run(&t, &hooks, &e);
    return timer.epochs > 0 ? (timer.end - timer.start) / (double)timer.epochs : (double)NAN;
}

double estimate_epoch(const struct job_spec *s, int64_t eval_every, double budget)
{
    if (spec_is_nothing(s))
        return ((const struct nothing_config *)(const void *)s->task_config)->seconds / (double)s->training.epochs;
    struct arena a = { 0 };
    double best = train_a_little(s, eval_every, budget, &a);
    arena_release(&a);
    return best;
}
