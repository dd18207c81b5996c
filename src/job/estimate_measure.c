#define TOMBOLA_REAL 64
#include "base/clock.h"
#include "job/estimate.h"
#include "job/measures.h"
#include "model/model.h"

#include <string.h>

struct watchdog {
    double end;
    double ticks;
};

static bool is_over(void *ctx)
{
    struct watchdog *dog = ctx;
    dog->ticks++;
    return clock_cpu() > dog->end;
}

/* The cost of one call; without results it looks back, and keeps what it finds. */
static double try(struct measure_cost *cost, const struct measure_kind *kind, struct measure_probe *p,
                  double *const *out)
{
    struct watchdog *dog = p->ctx;
    struct err e = { 0 };
    const double begin = clock_cpu();
    dog->ticks = 0;
    const int rc = out ? kind->run(p, out, &e) : kind->look_back(p, &p->found, &e);
    const double seconds = clock_cpu() - begin;
    if (rc && out && kind->ticks) return seconds / dog->ticks * kind->ticks(&p->at);
    cost->more = cost->more || rc;
    return seconds;
}

static struct measure_cost try_measure(const struct job_spec *spec, const struct watch_measure *m, double limit,
                                       struct arena *a)
{
    struct measure_cost cost = { 0 };
    struct measure_setup set;
    struct job_data data;
    struct err e = { 0 };
    struct watchdog dog;
    double *out[MEASURE_COLUMNS];
    if (job_data_draw(&data, spec, a, &e)) return (struct measure_cost){ .more = true };
    measure_set_up(&set, m, spec, &data.layout, &data.shape, a);
    if (measure_check(&set, &e)) return cost;
    double *theta = ARENA_NEW(a, data.layout.n, double);
    uint8_t *mask = ARENA_NEW(a, data.layout.n, uint8_t);
    model_init(theta, &data.layout, spec->seed);
    memset(mask, 1, data.layout.n);
    struct measure_probe p = { .at = set.site,
                               .data = &data.set,
                               .mask = mask,
                               .theta = theta,
                               .previous = theta,
                               .initial = theta,
                               .epoch = 1,
                               .seed = spec->seed,
                               .scratch = a,
                               .leave = is_over,
                               .ctx = &dog };
    measure_blank(&set, out, a);
    dog.end = clock_cpu() + (set.kind->ticks ? limit / 10 : limit);
    if (set.kind->runs_net) measure_open_net(&p, &set.site, &data.set, a);
    if (set.kind->look_back) cost.once = try(&cost, set.kind, &p, NULL);
    if (!cost.more) cost.checkpoint = try(&cost, set.kind, &p, out);
    return cost;
}

struct measure_cost estimate_measure(const struct job_spec *spec, const struct watch_measure *m, double limit)
{
    if (spec_is_nothing(spec)) return (struct measure_cost){ 0 };
    struct arena a = { 0 };
    const struct measure_cost cost = try_measure(spec, m, limit, &a);
    arena_release(&a);
    return cost;
}
