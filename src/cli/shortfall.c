#include "cli/shortfall.h"
#include "base/text.h"
#include "job/judge.h"
#include "job/measures.h"
#include "job/registry.h"

#include <string.h>

enum { EVALUATIONS = 1, CHECKPOINTS = 2, WEIGHTS = 4, ARRAYS = 8, LENGTH = 16 };

struct look {
    struct sheet *s;
    struct store *store;
    struct store_row *const *row; /* per job of the plan, as it is trained now */
    struct watch **kept;          /* per family of the store; NULL: not read yet */
    uint8_t *lack;                /* per job of the plan */
    /* The last recording that was made of two. */
    const struct watch *before;
    int64_t epoch;
    uint32_t watch, shape, new_watch, new_family;
    struct err *e;
};

static const struct watch *kept_by(struct look *l, const struct store_row *r)
{
    return watch_of(l->kept, l->store, (size_t)r->family, &l->s->arena, l->e);
}

static const struct watch *wanted_of(const struct look *l, size_t job)
{
    return &l->s->plan.watch[l->s->plan.job[job].watch];
}

/* ---- measures ---- */

/* What stands under a measure's name must be the measure that is asked for. */
static int check_measures(struct look *l, const struct store_row *r, const struct watch *want,
                          const struct watch *kept)
{
    struct arena_mark m = arena_mark(&l->s->arena);
    int rc = 0;
    for (size_t i = 0; i < want->measures && !rc; i++) {
        const char *path = measure_path(&want->measure[i], &l->s->arena);
        const char *about = store_annex_about(l->store, (size_t)r->family, path); /* of one that was added later */
        const struct watch_measure *have;
        size_t count;
        bool there;
        rc = measure_among(kept->measure, kept->measures, &want->measure[i], &there, l->e);
        if (!rc && about)
            rc = measure_parse(about, &have, &count, &l->s->arena, l->e) ||
                 measure_among(have, count, &want->measure[i], &there, l->e);
    }
    arena_rewind(&l->s->arena, m);
    return rc ? -1 : 0;
}

/* ---- evaluations and checkpoints ---- */

/* Was it trained to where the plan's grids, and what is made of it, end it? */
static int look_at_ends(struct look *l, size_t job, const struct watch *want, const struct watch *kept)
{
    struct judged_end end;
    bool known = true;
    if (l->row[job]->state != JOB_DONE || judge_is_whole(l->row[job])) return 0;
    for (size_t i = 0; i < want->ends && known; i++)
        if (judge_end(l->store, l->row[job], kept, &want->end[i].judge, want->end[i].stop, &end, &known, l->e))
            return -1;
    if (!known) l->lack[job] |= LENGTH;
    return 0;
}

/* Rules look at every evaluation. */
static bool rules_look(const struct watch *w, const struct judge *judge)
{
    bool look = false;
    for (size_t i = 0; i < w->ends; i++) look |= w->end[i].stop[0] && judge_equal(&w->end[i].judge, judge);
    return look;
}

static int look_at_job(struct look *l, size_t job)
{
    const struct store_row *r = l->row[job];
    const struct watch *want = wanted_of(l, job), *kept = kept_by(l, r);
    if (!kept) return -1;
    for (size_t j = 0; j < want->judges; j++) {
        const struct judge *judge = &want->judge[j];
        const bool known = watch_sees(kept, judge) ||
                           (!rules_look(want, judge) && (watch_has_judge(kept, judge) ||
                                                         (r->state == JOB_DONE && judge_of_row(r, kept, judge))));
        if (!known) l->lack[job] |= EVALUATIONS;
    }
    if (!watch_has_checkpoints(kept, want)) l->lack[job] |= CHECKPOINTS;
    if (r->state != JOB_DONE && store_array_find(l->store, (size_t)r->family, "resume") == SIZE_MAX)
        l->lack[job] |= ARRAYS; /* as earlier versions leave them behind */
    return look_at_ends(l, job, want, kept) || check_measures(l, r, want, kept) ? -1 : 0;
}

/* ---- weights that others are made from ---- */

/* Whatever cannot be read is no business of the recording. */
static bool has_weights(struct look *l, uint32_t ancestor, const struct judge *judge, const struct moment *t)
{
    const struct store_row *r = l->row[ancestor];
    const struct watch *kept = kept_by(l, r);
    struct err damaged = { 0 };
    size_t slot = 0;
    bool never;
    if (!kept) return true;
    if (r->state != JOB_DONE) return watch_slot(kept, t, judge) != SIZE_MAX;
    return judge_slot(l->store, r, kept, judge, t, &slot, &never, &damaged) || slot != SIZE_MAX || never;
}

/* Of a probe it is enough to know whether it got there; one that is still to be trained says so at its slot. */
static bool says(struct look *l, uint32_t probe, const struct plan_gate *gate)
{
    const struct store_row *r = l->row[probe];
    const struct watch *kept = kept_by(l, r);
    if (!kept || watch_has_judge(kept, &gate->judge)) return true;
    return r->state == JOB_DONE && (judge_of_row(r, kept, &gate->judge) || watch_sees(kept, &gate->judge));
}

static void look_at_ancestors(struct look *l, size_t i)
{
    const struct plan *p = &l->s->plan;
    const struct plan_job *job = &p->job[i];
    const uint32_t root = job->rewind->epoch ? plan_root(p, (uint32_t)i) : PLAN_NONE;
    if (l->row[i] && l->row[i]->state == JOB_DONE) return;
    if (job->parent != PLAN_NONE && l->row[job->parent] && !has_weights(l, job->parent, &job->judge, job->t))
        l->lack[job->parent] |= WEIGHTS;
    if (root != PLAN_NONE && l->row[root] && !has_weights(l, root, &job->judge, job->rewind))
        l->lack[root] |= WEIGHTS;
    if (job->gate.after != PLAN_NONE && l->row[job->gate.after] && !says(l, job->gate.after, &job->gate))
        l->lack[job->gate.after] |= WEIGHTS;
}

/* ---- measures that look back ---- */

static bool looks_back(const struct watch *w)
{
    bool looks = false;
    for (size_t i = 0; i < w->measures; i++) looks |= registry_measure(w->measure[i].kind->name)->look_back != NULL;
    return looks;
}

/* They are of the epoch that a job was trained to, and there is one of them. */
int shortfall_look_back(struct sheet *s, struct store *store, struct store_row *const *row, struct err *e)
{
    struct look l = { .s = s, .store = store, .row = row, .e = e };
    l.kept = ARENA_NEW(&s->arena, store_families(store), struct watch *);
    s->shortfall.behind = 0;
    for (size_t i = 0; i < s->plan.uses; i++) {
        const struct store_use *use = &s->plan.use[i];
        const struct store_row *r = row[use->job];
        struct judged_end end;
        bool known;
        if (!r || r->state != JOB_DONE || !looks_back(&s->plan.watch[use->watch])) continue;
        const struct watch *kept = kept_by(&l, r);
        if (!kept || judge_end(store, r, kept, &(struct judge){ use->spacing, use->threshold }, use->stop, &end, &known, e))
            return -1;
        s->shortfall.behind += known && end.epoch != r->epochs_done;
    }
    return 0;
}

/* ---- what comes of it ---- */

static int record_also(struct look *l, size_t i)
{
    struct plan_job *job = &l->s->plan.job[i];
    const struct watch *before = kept_by(l, l->row[i]);
    const int64_t epoch = l->row[i]->state == JOB_DONE ? l->row[i]->epochs_done : 0;
    if (l->before != before || l->epoch != epoch || l->watch != job->watch || l->shape != job->shape) {
        l->before = before;
        l->epoch = epoch;
        l->watch = job->watch;
        l->shape = job->shape;
        if (plan_record_also(&l->s->plan, i, before, epoch, &l->s->arena, l->e)) return -1;
        l->new_watch = job->watch;
        l->new_family = job->family;
    }
    job->watch = l->new_watch;
    job->family = l->new_family;
    return 0;
}

static int settle(struct look *l, size_t i)
{
    struct sheet *s = l->s;
    struct shortfall *sum = &s->shortfall;
    const unsigned lack = l->lack[i];
    const bool again = lack != 0, done = l->row[i]->state == JOB_DONE;
    if (again && done && !s->retrain && !(lack & LENGTH)) { /* to train one on is to be asked for more training */
        sum->jobs++;
        sum->evaluations += (lack & EVALUATIONS) != 0;
        sum->checkpoints += (lack & CHECKPOINTS) != 0;
        sum->weights += (lack & WEIGHTS) != 0;
        sum->seconds += l->row[i]->seconds;
    } else if (again) {
        s->fate[i] = done ? STORE_RETRAIN : STORE_REFIT;
        if (done) s->state[i] = JOB_PENDING;
        if (record_also(l, i)) return -1;
    }
    return 0;
}

int shortfall_find(struct sheet *s, struct store *store, struct store_row *const *row, struct err *e)
{
    const size_t jobs = s->plan.jobs;
    struct look l = { .s = s, .store = store, .row = row, .e = e };
    l.lack = ARENA_NEW(&s->arena, jobs + 1, uint8_t);
    l.kept = ARENA_NEW(&s->arena, store_families(store), struct watch *);
    for (size_t i = 0; i < jobs; i++)
        if (row[i] && look_at_job(&l, i)) return -1;
    for (size_t i = 0; i < jobs; i++) look_at_ancestors(&l, i);
    for (size_t i = 0; i < jobs; i++)
        if (row[i] && l.lack[i] && settle(&l, i)) return -1;
    return shortfall_look_back(s, store, row, e);
}

char *shortfall_text(const struct sheet *s, char *out, size_t size)
{
    const struct shortfall *sum = &s->shortfall;
    out[0] = '\0';
    if (sum->jobs)
        text_brief(
            out, size,
            "%zu finished jobs were recorded with less than the sweep file asks for (%zu lack evaluations, %zu "
            "checkpoints, %zu weights that others are made from); `tombola run --retrain` trains them again, "
            "%.3g core-hours%s",
            sum->jobs, sum->evaluations, sum->checkpoints, sum->weights, sum->seconds / 3600,
            sum->weights ? ", and what is made from them only then" : "");
    const size_t used = strlen(out);
    if (sum->behind)
        text_brief(out + used, size - used,
                   "%smeasures that look back are missing of %zu jobs for a grid that ends them earlier: they are of the "
                   "epoch that the jobs were trained to, for others",
                   used ? "; " : "", sum->behind);
    return out;
}
