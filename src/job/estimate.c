#include "job/estimate.h"
#include "base/clock.h"
#include "job/data.h"
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
    double now = clock_cpu();          /* what else runs here is not counted */
    if (s->seen > 0) return 0;         /* a part of an epoch says nothing: evaluations stand at its ends */
    if (s->epoch == 1) t->start = now; /* the first epoch warms the caches */
    t->end = now;
    t->epochs = s->epoch - 1;
    return s->epoch > 1 && now - t->start > t->budget ? err_set(e, ERR_STOPPED, "enough") : 0;
}

enum { ENOUGH = 1 << 15, NEVER = 1000000 };

/* Of large data in batches only so many numbers or symbols, but a batch at least.  Returns how much longer an epoch
 * takes with all of them. */
static double take_some(struct task_data *data, int64_t batch)
{
    const size_t n = data->train.n, least = (size_t)batch, room = ENOUGH / data->train.width;
    const size_t some = room > least ? room : least;
    if (batch == 0 || some >= n) return 1;
    data->train.n = some;
    data->test.n = data->test.n * some / n + 1;
    return (double)n / (double)some;
}

/* Seconds of an epoch. */
static double train_a_little(const struct job_spec *s, struct job_data *data, int64_t eval_every, double budget,
                             struct arena *a)
{
    struct err e = { 0 };
    struct trainer t = trainer_of(s, a);
    t.layout = &data->layout;
    t.shape = &data->shape;
    t.data = &data->set;
    t.length = NEVER;
    t.record = (struct record_plan){ { { eval_every, 1 } } };
    train_open(&t, a);
    model_init(t.state.theta, &data->layout, s->seed);
    if (t.state.scores) model_init(t.state.scores, &data->layout, s->seed);
    struct timer timer = { .budget = budget };
    const struct train_hooks hooks = { .ctx = &timer, .tick = on_tick };
    UNLOOKED(train_run(&t, &hooks, &e)); /* what has diverged took its time, too */
    return timer.epochs > 0 ? (timer.end - timer.start) / (double)timer.epochs : (double)NAN;
}

/* The few epochs that are trained here are no place for an evaluation now and then. */
static double time_epoch(const struct job_spec *s, double eval_every, double budget, struct arena *a)
{
    struct job_data data;
    struct err e = { 0 };
    if (job_data_draw(&data, s, a, &e)) return (double)NAN;
    const double longer = take_some(&data.set, s->training.batch.number);
    convert_data(&data.set, a);
    const double bare = train_a_little(s, &data, NEVER, budget / 2, a);
    const double evaluated = train_a_little(s, &data, 1, budget / 2, a);
    return longer * (bare + fmax(0, evaluated - bare) / eval_every);
}

double estimate_epoch(const struct job_spec *s, double eval_every, double budget)
{
    if (spec_is_nothing(s))
        return ((const struct nothing_config *)(const void *)s->task_config)->seconds /
               fmax(1, (double)s->training.epochs.number);
    struct arena a = { 0 };
    const double seconds = time_epoch(s, eval_every, budget, &a);
    arena_release(&a);
    return seconds;
}
