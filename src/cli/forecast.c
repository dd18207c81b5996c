#include "cli/forecast.h"
#include "base/map.h"
#include "cli/dispatch.h"
#include "cli/likely.h"
#include "farm/simulate.h"

#include <math.h>
#include <string.h>

/* Of jobs that are the same but for their seeds, in the store: when they came to mem and gen. */
struct moments {
    double sum[2];
    size_t count[2];
};

struct draft {
    struct sheet *sheet;
    const struct timing *timing;
    struct forecast *out;
    uint32_t *farm_of; /* [jobs of the plan]; PLAN_NONE: not to be trained */
    uint32_t *plan_of; /* the others by what the farm calls them ...       */
    struct farm_job *job;
    double *seconds, *release; /* ... and for simulate_open                           */
    const struct moment **t;   /* what they wait for of job[].parent                     */
    size_t count;
    struct map kinds;
    struct moments *kind; /* NULL: nobody has asked yet */
};

/* ---- how long a job takes ---- */

/* By itself, or by the shorter one that it goes on from. */
static int64_t epochs_done(const struct sheet *s, size_t i)
{
    return s->row && s->row[i].epochs ? s->row[i].epochs : s->donor[i].epoch;
}

static double seconds_after_training(const struct draft *d, size_t i)
{
    return d->timing->once[d->sheet->plan.job[i].family];
}

/* Up to an epoch, with what is measured on the way. */
static double seconds_to(const struct draft *d, size_t i, int64_t epoch)
{
    const struct plan_job *job = &d->sheet->plan.job[i];
    const int64_t epochs = plan_epochs(&d->sheet->plan, i), done = epochs_done(d->sheet, i);
    const double measures = d->timing->measure[job->family] - seconds_after_training(d, i);
    if (spec_is_nothing(&d->sheet->plan.shape[job->shape].example))
        return d->timing->epoch[job->shape] * (double)epochs;
    if (epoch < done) return 0;
    return (double)(epoch - done) * (d->timing->epoch[job->shape] + measures / fmax(1, (double)epochs));
}

/* Where finished jobs of its kind say that it ends. */
static int64_t last_epoch(const struct sheet *s, size_t i)
{
    const int64_t done = epochs_done(s, i);
    if (s->likely[i] < 0) return plan_epochs(&s->plan, i);
    return s->likely[i] > done ? s->likely[i] : done;
}

static double seconds_of(const struct draft *d, size_t i)
{
    return seconds_to(d, i, last_epoch(d->sheet, i)) + seconds_after_training(d, i);
}

/* ---- when mem and gen come ---- */

/* A job's text without its seed and its parent, which has the same seed; and the judge. */
static struct id kind_of(const struct draft *d, size_t i, const struct judge *judge)
{
    struct buf text = { 0 };
    likely_kind(d->sheet->plan.job[i].canonical, &text);
    buf_print(&text, "%lld %a", (long long)judge->eval_every, judge->threshold);
    const struct id id = id_of(text.bytes, text.length);
    buf_release(&text);
    return id;
}

static void look_at_kinds(struct draft *d)
{
    const struct sheet *s = d->sheet;
    d->kind = ARENA_NEW(&d->sheet->arena, s->plan.jobs + 1, struct moments);
    for (size_t i = 0; s->row && i < s->plan.jobs; i++) {
        const struct sheet_row *row = &s->row[i];
        if (s->state[i] != JOB_DONE || (row->t_mem < 0 && row->t_gen < 0)) continue;
        struct moments *kind = &d->kind[map_number(&d->kinds, kind_of(d, i, &row->judge))];
        for (size_t m = 0; m < ARRAY_LEN(kind->sum); m++) {
            const int64_t t = m == 0 ? row->t_mem : row->t_gen;
            kind->sum[m] += t < 0 ? 0 : (double)t;
            kind->count[m] += t >= 0;
        }
    }
}

/* The epoch at which job i will be taken to come to mem or gen; its last if nobody knows, and *guessed. */
static int64_t epoch_of_name(struct draft *d, size_t i, enum moment_name m, const struct judge *judge, bool *guessed)
{
    const struct sheet_row *row = d->sheet->row ? &d->sheet->row[i] : NULL;
    const int64_t own = !row || !judge_equal(&row->judge, judge) ? COLUMN_NO_INT
                        : m == MOMENT_MEM                        ? row->t_mem
                                                                 : row->t_gen;
    uint32_t k;
    if (!d->kind) look_at_kinds(d);
    if (own < 0 && d->kinds.count && map_find(&d->kinds, kind_of(d, i, judge), &k) && d->kind[k].count[m]) {
        const int64_t mean = (int64_t)ceil(d->kind[k].sum[m] / (double)d->kind[k].count[m]);
        if (mean > epochs_done(d->sheet, i)) return mean;
    }
    *guessed |= own < 0;
    return own >= 0 ? own : plan_epochs(&d->sheet->plan, i);
}

/* Of a rule; the last epoch if it never comes. */
static int64_t epoch_of_rule(struct draft *d, size_t i, const struct moment *t, const struct judge *judge)
{
    const int64_t last = plan_epochs(&d->sheet->plan, i);
    struct moment_known known = { { last, last } };
    bool guessed = false;
    for (enum moment_name m = MOMENT_MEM; m < MOMENT_FINAL; m++)
        if (moment_uses(t, m)) known.epoch[m] = epoch_of_name(d, i, m, judge, &guessed);
    d->out->known += !guessed;
    d->out->unknown += guessed;
    const int64_t epoch = moment_epoch(t, &known);
    return epoch >= 0 && epoch < last ? epoch : last;
}

/* ---- who waits for whom, as cli/dispatch.c hands out ---- */

struct wait {
    uint32_t job; /* of the plan; PLAN_NONE: for nothing */
    const struct moment *t;
    const struct judge *judge;
};

/* Of the probes before it, the last that is to be trained. */
static uint32_t probe_ahead(const struct draft *d, size_t i)
{
    const struct plan *p = &d->sheet->plan;
    uint32_t at = plan_is_gated(&p->job[i]) ? p->job[i].gate.after : PLAN_NONE;
    while (at != PLAN_NONE && d->farm_of[at] == PLAN_NONE) at = plan_probe_before(p, at);
    return at;
}

/* The first that is to be trained of: a probe, the parent, the ancestor whose weights it starts from. */
static struct wait find_wait(const struct draft *d, size_t i)
{
    const struct plan *p = &d->sheet->plan;
    const struct plan_job *job = &p->job[i];
    const struct wait wait[] = { { probe_ahead(d, i), job->gate.goal, &job->gate.judge },
                                 { job->parent, job->t, &job->judge },
                                 { job->rewind->epoch ? plan_root(p, (uint32_t)i) : PLAN_NONE, job->rewind,
                                   &job->judge } };
    for (size_t w = 0; w < ARRAY_LEN(wait); w++)
        if (wait[w].job != PLAN_NONE && d->farm_of[wait[w].job] != PLAN_NONE) return wait[w];
    return (struct wait){ PLAN_NONE, &moment_none, &job->judge };
}

static double seconds_to_release(struct draft *d, const struct wait *wait)
{
    const int64_t epoch =
        moment_is_rule(wait->t) ? epoch_of_rule(d, wait->job, wait->t, wait->judge) : wait->t->epoch;
    return fmin(seconds_to(d, wait->job, epoch), d->seconds[d->farm_of[wait->job]]);
}

static void add_job(struct draft *d, size_t i)
{
    const struct wait wait = find_wait(d, i);
    const size_t j = d->count++;
    d->farm_of[i] = (uint32_t)j;
    d->plan_of[j] = (uint32_t)i;
    d->t[j] = wait.t;
    d->seconds[j] = seconds_of(d, i);
    d->job[j] =
        (struct farm_job){ .parent = FARM_NO_PARENT, .after = FARM_NO_PARENT, .cost = sheet_cost(d->sheet, i) };
    d->out->work += d->seconds[j];
    d->out->probes |= plan_is_gated(&d->sheet->plan.job[i]);
    if (wait.job == PLAN_NONE) return;
    d->job[j].parent = d->farm_of[wait.job];
    d->job[j].need = judge_moment(wait.judge, wait.t);
    d->release[j] = seconds_to_release(d, &wait);
}

static void come_after_donor(struct draft *d, size_t j)
{
    const uint32_t donor = d->sheet->donor[d->plan_of[j]].job;
    if (donor != PLAN_NONE) d->job[j].after = d->farm_of[donor];
}

static void draft_open(struct draft *d)
{
    struct arena *a = &d->sheet->arena;
    const size_t jobs = d->sheet->plan.jobs;
    d->farm_of = ARENA_NEW(a, jobs + 1, uint32_t);
    d->plan_of = ARENA_NEW(a, jobs + 1, uint32_t);
    d->job = ARENA_NEW(a, jobs + 1, struct farm_job);
    d->seconds = ARENA_NEW(a, jobs + 1, double);
    d->release = ARENA_NEW(a, jobs + 1, double);
    d->t = ARENA_NEW(a, jobs + 1, const struct moment *);
    for (size_t i = 0; i < jobs; i++) {
        d->farm_of[i] = PLAN_NONE;
        if (sheet_is_to_train(d->sheet, i)) add_job(d, i);
    }
    for (size_t j = 0; j < d->count; j++) come_after_donor(d, j);
    map_release(&d->kinds);
}

/* ---- what comes of it ---- */

/* before: which job each waits for longest. */
static void find_path(const struct draft *d, uint32_t last, const uint32_t *before)
{
    static const struct moment end = { .epoch = -1, .text = "final" };
    struct forecast *f = d->out;
    for (uint32_t j = last; j != FARM_NO_PARENT; j = before[j]) f->steps++;
    f->path = ARENA_NEW(&d->sheet->arena, f->steps, struct forecast_step);
    const struct moment *t = &moment_none;
    double seconds = d->seconds[last];
    for (size_t i = f->steps; i-- > 0;) {
        f->path[i] = (struct forecast_step){ d->plan_of[last], t, seconds };
        const bool ends = before[last] != FARM_NO_PARENT && before[last] == d->job[last].after;
        t = ends ? &end : d->t[last];
        seconds = ends ? d->seconds[before[last]] : d->release[last];
        last = before[last];
    }
}

/* No order of handing out takes less than work / ranks, nor more than that and the critical path: where the two are
 * as good as one it need not be simulated. */
#define BY_BOUNDS 0.005
static double time_on(struct simulate *sim, const struct forecast *f, int ranks)
{
    const double least = f->work / ranks;
    return ranks == 1 || f->critical <= least * BY_BOUNDS ? least : simulate_ranks(sim, ranks);
}

/* Would more ranks gain more than 1 %? */
static bool is_short(const struct forecast *f, int ranks, double seconds)
{
    (void)ranks;
    return seconds > 1.01 * f->critical;
}

static bool is_half(const struct forecast *f, int ranks, double seconds)
{
    return f->work >= 0.5 * ranks * seconds;
}

/* Between low, of which `want` is so, and high, of which it is not: closer together.  Large sweeps are looked at less
 * closely, for each look is a simulation. */
enum { LOOKS = 400000 };
static void bisect(struct simulate *sim, const struct forecast *f, int *low, int *high,
                   bool (*want)(const struct forecast *f, int ranks, double seconds))
{
    for (size_t jobs = f->jobs; *high - *low > 1 && jobs <= LOOKS; jobs += f->jobs) {
        const int middle = *low + (*high - *low) / 2;
        *(want(f, middle, time_on(sim, f, middle)) ? low : high) = middle;
    }
}

static void find_half(struct simulate *sim, struct forecast *f)
{
    const double bound = floor(2 * f->work / f->critical) + 1; /* nobody can be at work for so long */
    int high = bound <= FORECAST_RANKS ? (int)bound : FORECAST_RANKS + 1;
    for (size_t i = 0; i < f->rows; i++) {
        if (is_half(f, f->row[i].ranks, f->row[i].seconds))
            f->half = f->row[i].ranks;
        else if (f->row[i].ranks < high)
            high = f->row[i].ranks;
    }
    if (f->half < f->work / f->critical && high > f->work / f->critical) f->half = (int)(f->work / f->critical);
    bisect(sim, f, &f->half, &high, is_half);
}

static void find_enough(struct simulate *sim, struct forecast *f)
{
    const struct forecast_row *last = &f->row[f->rows - 1];
    int low = f->rows > 1 ? last[-1].ranks : 0;
    if (is_short(f, last->ranks, last->seconds)) return;
    f->enough = last->ranks;
    if (low) bisect(sim, f, &low, &f->enough, is_short);
}

/* Without a simulation: a row that is too short even if no rank ever waits. */
static bool must_be_short(const struct forecast *f, const struct forecast_row *row)
{
    return is_short(f, row->ranks, f->work / row->ranks);
}

/* Of a large sweep, where the ranks of a row hardly wait, half as many do so even less. */
enum { LARGE = 20000 };
static void find_rows(struct simulate *sim, struct forecast *f)
{
    struct forecast_row row = { .ranks = 1 };
    for (bool is_last = false; !is_last && f->rows < FORECAST_ROWS; row.ranks *= 2) {
        row.seconds = must_be_short(f, &row) ? f->work / row.ranks : time_on(sim, f, row.ranks);
        is_last = !is_short(f, row.ranks, row.seconds);
        f->row[f->rows++] = row;
    }
    for (size_t i = f->rows; i-- > 0;) {
        if (f->jobs > LARGE && i + 1 < f->rows && forecast_efficiency(f, &f->row[i + 1]) > 1 - BY_BOUNDS) return;
        if (must_be_short(f, &f->row[i])) f->row[i].seconds = time_on(sim, f, f->row[i].ranks);
    }
}

void forecast_take(struct forecast *out, struct sheet *s, const struct timing *timing)
{
    struct draft d = { .sheet = s, .timing = timing, .out = out };
    struct simulate sim;
    uint32_t last, *before;
    *out = (struct forecast){ 0 };
    draft_open(&d);
    if (!(out->work > 0)) return;
    out->jobs = d.count;
    simulate_open(&sim, d.job, d.seconds, d.release, d.count);
    before = ARENA_NEW(&s->arena, d.count, uint32_t);
    out->critical = simulate_critical(&sim, &last, before);
    find_path(&d, last, before);
    find_rows(&sim, out);
    find_enough(&sim, out);
    find_half(&sim, out);
    simulate_close(&sim);
}

double forecast_efficiency(const struct forecast *f, const struct forecast_row *row)
{
    return fmin(1, f->work / (row->ranks * row->seconds));
}
