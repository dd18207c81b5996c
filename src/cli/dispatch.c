#include "cli/dispatch.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/donors.h"
#include "cli/progress.h"
#include "cli/shortfall.h"
#include "job/inputs.h"
#include "job/judge.h"
#include "job/run.h"
#include "job/trajectory.h"

#include <math.h>
#include <string.h>

struct dispatch {
    struct session *session;
    struct store_row *rows;      /* of the whole store, as read before the start */
    struct farm_job *job;        /* to the farm                                  */
    uint32_t *plan_of, *farm_of; /* farm index <-> plan index; PLAN_NONE: not in the farm */
    uint32_t *job_of_row;        /* store row -> plan index                      */
    bool *skipped;               /* per job of the plan: there is nothing to train        */
    bool *confirm;               /* the same: it was done before, if its ancestors stay   */
    struct watch **kept;         /* per family of the store: how its jobs are recorded; NULL: not read yet */
    uint8_t *verdict;            /* the same: 1 + enum farm_verdict, 0: none in this run  */
    size_t count, confirms;      /* in the farm; of them, to be confirmed                 */
    size_t done, failed, blocked, damaged, skips;
    struct donors donors;
    struct progress progress;
    struct pace pace;
    double start, looked; /* clock_wall; looked: when the store may be read for the pace again */
};

static const struct plan *plan_of_dispatch(const struct dispatch *d)
{
    return &d->session->sheet.plan;
}

static void store_must(int rc, struct err *e)
{
    if (!rc) return;
    int code = cli_fail(e);
    MPI_Abort(MPI_COMM_WORLD, code == EXIT_USAGE ? EXIT_DAMAGE : code);
}

/* A job that is trained again is known by that training alone. */
static void read_row(struct dispatch *d, uint32_t row, struct store_row *out)
{
    struct err e = { 0 };
    store_must(store_read_row(d->session->store, row, out, NULL, &e), &e);
    store_next(out);
}

/* d->rows follows; what the row says already is not written again. */
static void set_state(struct dispatch *d, uint32_t row, enum job_state state, const char *why)
{
    struct err e = { 0 };
    struct store_row *r = &d->rows[row], have;
    read_row(d, row, &have);
    if (have.state == state && !strcmp(have.error, why) && have.attempts == r->attempts && have.deaths == r->deaths)
        return;
    have.attempts = r->attempts;
    have.deaths = r->deaths;
    *r = have;
    r->state = (uint8_t)state;
    memset(r->error, 0, sizeof r->error);
    text_brief(r->error, sizeof r->error, "%s", why);
    store_must(store_commit(d->session->store, row, r, &e), &e);
}

/* What a job waits for: first that the probe before it gets there, then the weights that it is made from. */
struct wait {
    uint32_t job; /* of the plan; PLAN_NONE: nothing */
    struct moment t;
    struct judge judge;
};
enum { PROBE, PARENT, ROOT, WAITS, WHY = sizeof((struct store_row *)0)->error };

/* Of what a job waits for, in the store: has it come?  A probe need not have kept the weights. */
static bool has_reached(struct dispatch *d, const struct wait *wait, bool probe, bool *never)
{
    struct store *store = d->session->store;
    const struct store_row *r = &d->rows[d->session->row[wait->job]];
    struct err e = { 0 };
    struct judged found = { 0 };
    size_t slot = SIZE_MAX;
    bool known = false;
    *never = false;
    if (r->state == JOB_UNUSED) return false;
    const struct watch *watch = watch_of(d->kept, store, (size_t)r->family, &d->session->sheet.arena, &e);
    store_must(watch ? 0 : -1, &e);
    store_must(judge_slot(store, r, watch, &wait->judge, &wait->t, &slot, never, &e), &e);
    if (probe && slot == SIZE_MAX && !*never && r->state == JOB_DONE)
        store_must(judge_find(store, r, watch, &wait->judge, &found, &known, &e), &e);
    const struct moment_known come = { { found.t_mem, found.t_gen } };
    return slot != SIZE_MAX || (known && moment_epoch(&wait->t, &come) >= 0);
}

static bool has_come(struct dispatch *d, const struct wait wait[WAITS], size_t which)
{
    bool never;
    return has_reached(d, &wait[which], which == PROBE, &never);
}

/* Still to be trained, or being trained. */
static bool is_ahead(const struct dispatch *d, uint32_t job)
{
    return d->farm_of[job] != PLAN_NONE && !d->verdict[job] && d->rows[d->session->row[job]].state != JOB_SKIPPED;
}

/* A search asks one rate after the other, whatever the store has of later ones: the first probe that did not get
 * there, else the last that is still to be trained, else the one before the job. */
static uint32_t find_probe(struct dispatch *d, const struct plan_job *job)
{
    const struct plan *p = plan_of_dispatch(d);
    uint32_t vain = PLAN_NONE, ahead = PLAN_NONE;
    bool never;
    if (!plan_is_gated(job)) return PLAN_NONE;
    for (uint32_t at = job->gate.after; at != PLAN_NONE; at = plan_probe_before(p, at)) {
        if (is_ahead(d, at))
            ahead = ahead == PLAN_NONE ? at : ahead;
        else if (!has_reached(d, &(struct wait){ at, *job->gate.goal, job->gate.judge }, true, &never))
            vain = at;
    }
    return vain != PLAN_NONE ? vain : ahead != PLAN_NONE ? ahead : job->gate.after;
}

static void list_waits(struct dispatch *d, size_t i, struct wait wait[WAITS])
{
    const struct plan *p = plan_of_dispatch(d);
    const struct plan_job *job = &p->job[i];
    wait[PROBE] = (struct wait){ find_probe(d, job), *job->gate.goal, job->gate.judge };
    wait[PARENT] = (struct wait){ job->parent, *job->t, job->judge };
    wait[ROOT] =
        (struct wait){ job->rewind->epoch ? plan_root(p, (uint32_t)i) : PLAN_NONE, *job->rewind, job->judge };
}

/* The first thing that a job waits for in vain. */
static size_t find_vain(struct dispatch *d, const struct wait wait[WAITS])
{
    size_t last = 0;
    for (size_t w = 0; w < WAITS; w++) {
        if (wait[w].job == PLAN_NONE) continue;
        if (!has_come(d, wait, w)) return w;
        last = w;
    }
    return last;
}

/* Why it is not trained.  True: that is an answer. */
static bool explain(struct dispatch *d, size_t i, char why[WHY])
{
    static const char *const who[WAITS] = {
        [PROBE] = "the probe before it", [PARENT] = "its parent", [ROOT] = "its dense ancestor"
    };
    static const char search_ended[] = "the search ended"; /* the answer of all that it would have asked for next */
    struct wait wait[WAITS];
    list_waits(d, i, wait);
    const size_t w = find_vain(d, wait);
    const struct store_row *other = &d->rows[d->session->row[wait[w].job]];
    bool never;
    const bool there = has_reached(d, &wait[w], w == PROBE, &never);
    const bool skipped = other->state == JOB_SKIPPED || (!there && never);
    if (other->state == JOB_SKIPPED && !strncmp(other->error, search_ended, strlen(search_ended)))
        MUST(text_copy(why, WHY, other->error, sizeof other->error));
    else if (other->state == JOB_SKIPPED)
        text_brief(why, WHY, "%s was skipped", who[w]);
    else if (skipped && w == PROBE)
        text_brief(why, WHY, "%s with k = %g, which never reached %s", search_ended, other->k, wait[w].t.text);
    else if (other->state == JOB_FAILED)
        text_brief(why, WHY, "%s failed", who[w]);
    else if (other->state == JOB_BLOCKED)
        text_brief(why, WHY, "%s is blocked", who[w]);
    else if (other->state == JOB_UNUSED)
        text_brief(why, WHY, "%s has a damaged row in the store", who[w]);
    else if (other->state == JOB_DONE && !there && !never)
        text_brief(why, WHY, "%s was recorded without its weights at t = %s; --retrain makes them", who[w],
                   wait[w].t.text);
    else
        text_brief(why, WHY, "%s never reached t = %s", who[w], wait[w].t.text);
    return skipped;
}

static void block(struct dispatch *d, size_t i)
{
    const uint32_t row = d->session->row[i];
    char why[WHY];
    d->skipped[i] = explain(d, i, why);
    ++*(d->skipped[i] ? &d->skips : &d->blocked);
    if (!d->rows[row].again) set_state(d, row, d->skipped[i] ? JOB_SKIPPED : JOB_BLOCKED, why);
}

/* What the job still waits for.  One thing is enough: the probe before it waits for the same parent, and a parent
 * that waits comes after its own ancestors.  False: it waits in vain. */
static bool find_wait(struct dispatch *d, size_t i, struct wait *out)
{
    struct wait wait[WAITS];
    list_waits(d, i, wait);
    *out = (struct wait){ .job = PLAN_NONE };
    for (size_t w = 0; w < WAITS && out->job == PLAN_NONE; w++) {
        if (wait[w].job == PLAN_NONE) continue;
        if (d->farm_of[wait[w].job] != PLAN_NONE)
            *out = wait[w];
        else if (!has_come(d, wait, w))
            return false;
    }
    return true;
}

static void add_to_farm(struct dispatch *d, size_t i, struct wait wait)
{
    const struct plan_job *job = &plan_of_dispatch(d)->job[i];
    const uint32_t *row = d->session->row;
    d->confirm[i] = d->rows[row[i]].next_state == NEXT_CONFIRM;
    d->confirms += d->confirm[i];
    if (!d->confirm[i] && d->rows[row[i]].state != JOB_PENDING)
        set_state(d, row[i], JOB_PENDING, ""); /* no longer failed, blocked or skipped */
    d->farm_of[i] = (uint32_t)d->count;
    d->plan_of[d->count] = (uint32_t)i;
    d->job[d->count++] = (struct farm_job){
        .label = { .row = row[i],
                   .from = job->parent == PLAN_NONE ? JOB_NO_PARENT : row[job->parent],
                   .until = job->watch },
        .parent = wait.job == PLAN_NONE ? FARM_NO_PARENT : d->farm_of[wait.job],
        .need = judge_moment(&wait.judge, &wait.t),
        .alone = d->rows[row[i]].attempts >= JOB_SUSPECT,
        .cost = d->confirm[i] ? 0 : sheet_cost(&d->session->sheet, i),
    };
}

/* We have the lock, so whatever still "runs" is dead, whichever sweep it belongs to.  A process that crashed has said
 * so in the row; of one that was killed it is known only if no other job was being trained and its launcher lived on.
 */
static void bury(struct dispatch *d, uint32_t row, bool known)
{
    struct store_row *r = &d->rows[row];
    char why[sizeof r->error];
    if (known && !r->error[0]) r->deaths++;
    text_brief(why, sizeof why, "crashed %d times%s%s", SESSION_DEATHS, r->error[0] ? ": " : "", r->error);
    if (r->deaths >= SESSION_DEATHS)
        set_state(d, row, JOB_FAILED, why);
    else
        set_state(d, row, JOB_PENDING, "");
}

static void bury_all(struct dispatch *d, size_t rows)
{
    size_t dead = 0, suspects = 0;
    for (uint32_t row = 0; row < rows; row++) dead += d->rows[row].state == JOB_RUNNING;
    const bool known = dead == 1 && lock_past(d->session->lock)->launcher_lives;
    for (uint32_t row = 0; row < rows; row++) {
        if (d->rows[row].state != JOB_RUNNING) continue;
        bury(d, row, known);
        suspects += d->rows[row].state == JOB_PENDING && d->rows[row].attempts >= JOB_SUSPECT;
    }
    if (suspects)
        log_warn(
            "%zu jobs were being trained at %d unclean ends in a row: each is trained alone until its next resume "
            "point",
            suspects, JOB_SUSPECT);
}

/* Of a job to be confirmed: have its ancestors all come out, so that they can be asked?  If one failed, or is left
 * for another run, nothing speaks against the results until that one is done. */
static bool can_confirm(struct dispatch *d, size_t i)
{
    struct wait wait[WAITS];
    list_waits(d, i, wait);
    for (size_t w = PARENT; w < WAITS; w++)
        if (wait[w].job != PLAN_NONE && d->farm_of[wait[w].job] == PLAN_NONE &&
            d->rows[d->session->row[wait[w].job]].state != JOB_DONE)
            return false;
    return true;
}

/* What a job that is done was made from may be trained again in this run, if that was lost.  It waits for these
 * weights, be they there or not. */
static void consider_again(struct dispatch *d, size_t i)
{
    if (!can_confirm(d, i)) return;
    const struct plan *p = plan_of_dispatch(d);
    struct wait wait = { p->job[i].parent, *p->job[i].t, p->job[i].judge };
    if (wait.job == PLAN_NONE || d->farm_of[wait.job] == PLAN_NONE)
        wait = (struct wait){ p->job[i].rewind->epoch ? plan_root(p, (uint32_t)i) : PLAN_NONE, *p->job[i].rewind,
                              p->job[i].judge };
    if (wait.job != PLAN_NONE && d->farm_of[wait.job] == PLAN_NONE) wait.job = PLAN_NONE;
    add_to_farm(d, i, wait);
}

/* Parents come before their children, so a parent's fate is known here. */
static void consider(struct dispatch *d, size_t i)
{
    struct store_row *r = &d->rows[d->session->row[i]];
    d->farm_of[i] = PLAN_NONE;
    d->job_of_row[d->session->row[i]] = (uint32_t)i;
    if (r->state == JOB_FAILED && d->session->retry_failed) {
        r->attempts = 0;
        r->deaths = 0;
        set_state(d, d->session->row[i], JOB_PENDING, "");
    }
    size_t *tally = r->state == JOB_DONE     ? &d->done
                    : r->state == JOB_FAILED ? &d->failed
                    : r->state == JOB_UNUSED ? &d->damaged
                                             : NULL;
    if (tally) {
        ++*tally;
        if (r->next_state == NEXT_CONFIRM) consider_again(d, i);
        return;
    }
    struct wait wait;
    if (find_wait(d, i, &wait))
        add_to_farm(d, i, wait);
    else
        block(d, i);
}

static const char *label_text(void *ctx, struct farm_label label, char out[64])
{
    const struct dispatch *d = ctx;
    struct job_spec s;
    struct err e = { 0 };
    uint32_t i = d->job_of_row[label.row];
    out[0] = '\0';
    if (!spec_parse(plan_of_dispatch(d)->job[i].canonical, &s, &e)) spec_label(&s, out, 64);
    return out;
}

/* A row as the store has it; one that waits for the disk says less than its job. */
static void read_again(struct dispatch *d, uint32_t job)
{
    const uint32_t row = d->session->row[job];
    read_row(d, row, &d->rows[row]);
    if (d->verdict[job] == 1 + FARM_DONE) d->rows[row].state = JOB_DONE;
    if (d->verdict[job] == 1 + FARM_FAILED) d->rows[row].state = JOB_FAILED;
}

/* Has an ancestor of a job that was done been trained to its end again, and not come to the moment that it is drawn
 * at?  One that failed, or that waits for such a one, speaks against nothing. */
static bool is_refuted(struct dispatch *d, const struct wait wait[WAITS])
{
    for (size_t w = PARENT; w < WAITS; w++)
        if (wait[w].job != PLAN_NONE && d->rows[d->session->row[wait[w].job]].state == JOB_DONE &&
            !has_come(d, wait, w))
            return true;
    return false;
}

static void on_blocked(void *ctx, size_t job)
{
    struct dispatch *d = ctx;
    const size_t i = d->plan_of[job];
    struct wait wait[WAITS];
    donors_ended(&d->donors, job, false);
    list_waits(d, i, wait);
    for (size_t w = 0; w < WAITS; w++)
        if (wait[w].job != PLAN_NONE) read_again(d, wait[w].job);
    if (d->confirm[i] && !is_refuted(d, wait)) return;
    d->done -= d->confirm[i];
    block(d, i);
    d->progress.skipped += d->skipped[i];
}

static void on_finished(void *ctx, size_t job, enum farm_verdict verdict, int rank)
{
    static const char *const word[] = { [FARM_DONE] = "done", [FARM_FAILED] = "failed", [FARM_STOPPED] = "stopped" };
    struct dispatch *d = ctx;
    const uint32_t i = d->plan_of[job];
    char label[64];
    d->verdict[i] = (uint8_t)(1 + verdict);
    d->done += verdict == FARM_DONE && !d->confirm[i];
    d->done -= verdict == FARM_FAILED && d->confirm[i];
    d->failed += verdict == FARM_FAILED;
    donors_ended(&d->donors, job, verdict == FARM_DONE);
    if (!log_shows(LOG_JOB)) return;
    log_job("%s: %s on rank %d", label_text(d, d->job[job].label, label), word[verdict], rank);
}

/* Of a large store that takes a while: at most a hundredth of the time. */
static bool look_at_pace(void *ctx, struct pace *out)
{
    struct dispatch *d = ctx;
    const double start = clock_wall();
    if (start >= d->looked) {
        session_look_at_pace(d->session, &d->pace);
        d->looked = start + 100 * (clock_wall() - start);
    }
    *out = d->pace;
    return true;
}

static void on_progress(void *ctx, const struct farm_progress *p)
{
    struct dispatch *d = ctx;
    session_beat(d->session);
    progress_show(&d->progress, p);
}

/* A search may have been found to end at a later probe, which was in the store, before the earlier ones were trained.
 */
static void settle_searches(struct dispatch *d)
{
    char why[WHY];
    for (size_t i = 0; i < plan_of_dispatch(d)->jobs; i++) {
        const struct plan_job *job = &plan_of_dispatch(d)->job[i];
        const uint32_t row = d->session->row[i];
        if (!plan_is_gated(job) || d->rows[row].again || d->rows[row].state != JOB_SKIPPED) continue;
        read_again(d, find_probe(d, job));
        if (explain(d, i, why)) set_state(d, row, JOB_SKIPPED, why);
    }
}

static int code_of(const struct dispatch *d, bool stopped)
{
    const struct shortfall *s = &d->session->sheet.shortfall;
    const bool missing = d->failed || d->blocked || s->jobs || s->behind;
    return stopped ? EXIT_STOPPED : d->damaged ? EXIT_DAMAGE : missing ? EXIT_LACKING : EXIT_DONE;
}

void dispatch_open(struct session *session, struct farm_plan *plan)
{
    static struct dispatch dispatch;
    struct dispatch *d = &dispatch;
    struct arena *a = &session->sheet.arena;
    size_t rows = store_rows(session->store), jobs = session->sheet.plan.jobs, bad;
    char of_all[48] = "";
    struct err e = { 0 };
    *d = (struct dispatch){ .session = session, .start = clock_wall() };
    d->rows = ARENA_NEW(a, rows, struct store_row);
    d->job = ARENA_NEW(a, jobs, struct farm_job);
    d->plan_of = ARENA_NEW(a, jobs, uint32_t);
    d->farm_of = ARENA_NEW(a, jobs, uint32_t);
    d->job_of_row = ARENA_NEW(a, rows, uint32_t);
    d->skipped = ARENA_NEW(a, jobs, bool);
    d->confirm = ARENA_NEW(a, jobs, bool);
    d->verdict = ARENA_NEW(a, jobs, uint8_t);
    d->kept = ARENA_NEW(a, store_families(session->store), struct watch *);
    store_must(store_read_rows(session->store, d->rows, NULL, &bad, &e), &e);
    if (bad)
        log_warn("%zu rows of '%s' are damaged and left alone; `run --repair` trains their jobs again", bad,
                 session->sheet.store);
    for (size_t row = 0; row < rows; row++) store_next(&d->rows[row]);
    store_must(trajectory_fill(session->store, d->rows, &e), &e);
    bury_all(d, rows);
    for (size_t i = 0; i < jobs; i++) consider(d, i);
    donors_open(&d->donors, session, d->job, d->count, d->plan_of, d->farm_of);
    if (jobs < session->sheet.plan.all_jobs)
        MUST(text_print(of_all, sizeof of_all, " of its %zu", session->sheet.plan.all_jobs));
    log_run("sweep %s: %zu%s jobs, %zu done before, %zu to train; store %s", sweep_name(session->sheet.plan.sweep),
            jobs, of_all, d->done, d->count - d->confirms, session->sheet.store);
    if (d->failed) log_warn("%zu jobs have failed before: --retry-failed trains them again", d->failed);
    d->pace = (struct pace){ (double)NAN, (double)NAN, (double)NAN };
    progress_open(&d->progress, label_text, d);
    d->progress.look = look_at_pace;
    *plan = (struct farm_plan){ .job = d->job,
                                .count = d->count,
                                .max_failures = session->max_failures,
                                .progress_every = log_terminal() ? 0.5 : 2,
                                .ctx = d,
                                .blocked = on_blocked,
                                .finished = on_finished,
                                .progress = on_progress };
}

void dispatch_find_inputs(const struct farm_plan *plan)
{
    const struct dispatch *d = plan->ctx;
    const struct plan *p = plan_of_dispatch(d);
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_job *job = &p->job[d->plan_of[i]];
        struct job_spec s;
        struct err e = { 0 };
        if (!job->inputs[0] || spec_parse(job->canonical, &s, &e) || spec_parse_inputs(job->inputs, &s, &e)) continue;
        if (session_inputs_stop(d->session)) return;
        input_add(d->session->inputs, &s, &p->shape[job->shape].layout);
    }
}

int dispatch_code(const struct farm_plan *plan, bool stopped)
{
    struct dispatch *d = plan->ctx;
    progress_close(&d->progress);
    settle_searches(d);
    return code_of(d, stopped);
}

void dispatch_sum_up(const struct farm_plan *plan, bool stopped, int code)
{
    char span[32], skipped[64] = "";
    const struct dispatch *d = plan->ctx;
    const char *how = code != code_of(d, stopped) ? "ended by that" : stopped ? "stopped early" : "finished";
    if (d->skips) text_brief(skipped, sizeof skipped, ", %zu skipped", d->skips);
    log_run("%s: %zu of %zu jobs done, %zu failed, %zu blocked%s, in %s%s", how, d->done, plan_of_dispatch(d)->jobs,
            d->failed, d->blocked, skipped, clock_span(clock_wall() - d->start, span),
            code == EXIT_STOPPED ? "; the same command goes on" : "");
    char lack[640];
    if (code == EXIT_LACKING && shortfall_text(&d->session->sheet, lack, sizeof lack)[0]) log_warn("%s", lack);
}
