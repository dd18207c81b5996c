#include "cli/donors.h"
#include "job/judge.h"
#include "job/run.h"
#include "job/trajectory.h"

#include <stdlib.h>

/* Who may be somebody's donor, or need one: jobs of the plan that are to be trained, and finished rows of the store.
 */
struct runner {
    struct id trajectory;
    int64_t epochs;
    uint32_t job, row; /* one of them is none */
    const struct store_row *is; /* of a row  */
};

struct race {
    struct sheet *s;
    struct store *store;
    struct runner *runner;
    size_t count;
    struct watch **kept; /* per family of the store */
};

/* By trajectory; the shorter first, and of two that are as long what is there already. */
static int by_length(const void *a, const void *b)
{
    const struct runner *x = a, *y = b;
    if (x->trajectory.high != y->trajectory.high) return x->trajectory.high < y->trajectory.high ? -1 : 1;
    if (x->trajectory.low != y->trajectory.low) return x->trajectory.low < y->trajectory.low ? -1 : 1;
    if (x->epochs != y->epochs) return x->epochs < y->epochs ? -1 : 1;
    if ((x->job == PLAN_NONE) != (y->job == PLAN_NONE)) return x->job == PLAN_NONE ? -1 : 1;
    return (x->job > y->job) - (x->job < y->job);
}

static void add_jobs(struct race *r)
{
    const struct plan *p = &r->s->plan;
    for (uint32_t i = 0; i < p->jobs; i++)
        if (sheet_is_to_train(r->s, i) && !spec_is_nothing(&p->shape[p->job[i].shape].example))
            r->runner[r->count++] = (struct runner){ p->job[i].trajectory, plan_epochs(p, i), i, JOB_NO_PARENT, NULL };
}

/* Of finished jobs those that are not about to be trained again: these are donors of themselves alone. */
static void add_row(struct race *r, uint32_t at, const struct store_row *row)
{
    struct runner one = { .epochs = row->epochs_done, .job = PLAN_NONE, .row = at, .is = row };
    if (row->state == JOB_DONE && id_parse(row->trajectory, &one.trajectory)) r->runner[r->count++] = one;
}

static void add_rows(struct race *r, const struct store_row *row, size_t rows)
{
    for (uint32_t i = 0; i < rows; i++)
        if (row[i].next_state == NEXT_NONE) add_row(r, i, &row[i]);
}

static const struct watch *wanted_of(const struct race *r, const struct runner *one)
{
    return &r->s->plan.watch[r->s->plan.job[one->job].watch];
}

/* What cannot be read is no donor; whoever needs it otherwise will say so. */
static bool row_suits(struct race *r, const struct runner *one, const struct runner *donor)
{
    const struct store_row *row = donor->is;
    struct trajectory_past past;
    struct err damaged = { 0 };
    struct arena a = { 0 };
    bool whole = false;
    if (!trajectory_has_end(r->store, row)) return false;
    const struct watch *kept = watch_of(r->kept, r->store, (size_t)row->family, &r->s->arena, &damaged);
    const bool read = kept && !trajectory_look(r->store, row, kept, wanted_of(r, one), &past, &whole, &a, &damaged);
    arena_release(&a);
    return read && whole;
}

/* The job has no resume point of its own. */
static bool begins(const struct race *r, const struct runner *one)
{
    return !r->s->row || r->s->row[one->job].epochs == 0;
}

/* The latest that suits; a finished one is the way out if the other does not come to its end. */
static void find_donor(struct race *r, size_t first, size_t at)
{
    const struct runner *one = &r->runner[at];
    struct sheet_donor *donor = &r->s->donor[one->job];
    const struct store_row *own = r->s->was[one->job] ? &r->s->was[one->job]->row : NULL;
    while (at-- > first && donor->row == JOB_NO_PARENT) {
        const struct runner *other = &r->runner[at];
        const bool finished = other->job == PLAN_NONE;
        if (other->epochs == 0 || (!finished && donor->job != PLAN_NONE)) continue;
        if (finished && other->is->next_state != NEXT_NONE && other->is != own) continue;
        if (!(finished ? row_suits(r, one, other) : trajectory_extends(wanted_of(r, one), wanted_of(r, other))))
            continue;
        *(finished ? &donor->row : &donor->job) = finished ? other->row : other->job;
        if (donor->epoch) continue;
        donor->epoch = other->epochs;
        if (!finished)
            donor->id = r->s->plan.job[other->job].id;
        else
            MUST(id_parse(other->is->id, &donor->id));
    }
}

void donors_find(struct sheet *s, struct store *store, const struct store_row *row, size_t rows)
{
    struct race r = { .s = s, .store = store };
    size_t first = 0;
    for (size_t i = 0; i < s->plan.jobs; i++)
        s->donor[i] = (struct sheet_donor){ .job = PLAN_NONE, .row = JOB_NO_PARENT };
    r.runner = ARENA_NEW(&s->arena, 2 * s->plan.jobs + rows + 1, struct runner);
    if (store) r.kept = ARENA_NEW(&s->arena, store_families(store), struct watch *);
    add_jobs(&r);
    add_rows(&r, row, rows);
    for (size_t i = 0; i < s->plan.jobs; i++)
        if (s->was[i]) add_row(&r, s->was[i]->at, &s->was[i]->row);
    qsort(r.runner, r.count, sizeof *r.runner, by_length);
    for (size_t i = 0; i < r.count; i++) {
        if (!id_equal(r.runner[first].trajectory, r.runner[i].trajectory)) first = i;
        if (r.runner[i].job != PLAN_NONE && begins(&r, &r.runner[i])) find_donor(&r, first, i);
    }
}

/* ---- in a run ---- */

static const struct watch *watch_of_job(const struct donors *d, size_t i)
{
    const struct plan *p = &d->session->sheet.plan;
    return &p->watch[p->job[i].watch];
}

void donors_open(struct donors *d, struct session *session, struct farm_job *job, size_t count,
                 const uint32_t *plan_of, const uint32_t *farm_of)
{
    struct sheet *s = &session->sheet;
    *d = (struct donors){ .session = session, .plan_of = plan_of };
    d->heirs = ARENA_NEW(&s->arena, s->plan.jobs + 1, uint32_t);
    d->trained = ARENA_NEW(&s->arena, s->plan.jobs + 1, bool);
    for (size_t j = 0; j < count; j++) {
        const struct sheet_donor *donor = &s->donor[plan_of[j]];
        const bool runs = donor->job != PLAN_NONE && farm_of[donor->job] != PLAN_NONE;
        job[j].after = runs ? farm_of[donor->job] : FARM_NO_PARENT;
        job[j].label.donor = runs ? session->row[donor->job] : donor->row;
        if (runs) d->heirs[donor->job]++;
    }
    for (size_t j = 0; j < count; j++)
        job[j].label.keep = d->heirs[plan_of[j]] ? WATCH_END_ALL : (uint32_t)watch_of_job(d, plan_of[j])->end_state;
}

/* Did it come to t_gen by all of its judges? */
static bool has_reached(struct store *store, const struct store_row *r, struct arena *a)
{
    struct watch w;
    struct judged found;
    struct err e = { 0 };
    bool reached = judge_is_whole(r) && !watch_parse(&w, store_family(store, (size_t)r->family), a, &e);
    for (size_t j = 0; reached && j < w.judges; j++) {
        bool known;
        reached = !judge_find(store, r, &w, &w.judge[j], &found, &known, &e) && known && found.t_gen >= 0;
    }
    return reached;
}

static void forget_end(const struct donors *d, uint32_t i)
{
    struct store *store = d->session->store;
    const int wanted = watch_of_job(d, i)->end_state;
    struct store_row r;
    struct arena a = { 0 };
    struct err ignored = { 0 }; /* then it stays */
    if (wanted == WATCH_END_ALL || store_read_row(store, d->session->row[i], &r, NULL, &ignored)) return;
    store_next(&r);
    if (wanted == WATCH_END_NONE || has_reached(store, &r, &a)) store_discard(store, &r);
    arena_release(&a);
}

void donors_ended(struct donors *d, size_t job, bool done)
{
    const uint32_t i = d->plan_of[job], donor = d->session->sheet.donor[i].job;
    d->trained[i] = done;
    if (donor == PLAN_NONE || !d->heirs[donor]) return;
    if (--d->heirs[donor] == 0 && d->trained[donor]) forget_end(d, donor);
}
