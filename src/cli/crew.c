#include "cli/crew.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/progress.h"
#include "farm/farm.h"
#include "job/run.h"
#include "par/par.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- stops ---- */

static volatile sig_atomic_t stop_asked, interrupts;

static void on_signal(int signal)
{
    stop_asked = signal;
    if (signal == SIGINT && ++interrupts > 1) _exit(130); /* as safe as a kill */
}

void crew_catch_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file-size limit is then an error of one write */
}

static bool should_stop(void *ctx)
{
    return stop_asked || clock_wall() > ((const struct crew *)ctx)->deadline;
}

/* ---- every rank: one job ---- */

/* A label is the job's row and, above it, its parent's. */
static uint64_t make_label(uint32_t row, uint32_t parent_row)
{
    return (uint64_t)parent_row << 32 | row;
}

static void on_mark(void *farm, int64_t milestone)
{
    farm_mark(farm, milestone);
}

static bool on_tick(void *farm, int64_t epoch, int64_t epochs)
{
    return farm_tick(farm, epoch, epochs);
}

static enum farm_verdict run_job(void *ctx, struct farm *farm, uint64_t label)
{
    struct crew *crew = ctx;
    static struct arena arena;
    struct arena_mark m = arena_mark(&arena);
    const struct job_hooks hooks = { farm, on_mark, on_tick };
    const struct job_run run = { .store = crew->store,
                                 .row = (uint32_t)label,
                                 .parent_row = (uint32_t)(label >> 32),
                                 .rank = crew->rank,
                                 .resume_every = crew->resume_every,
                                 .hooks = &hooks,
                                 .arena = &arena };
    struct err e = { 0 };
    char text[1024];
    int rc = job_run(&run, &e);
    arena_rewind(&arena, m);
    if (!rc) return FARM_DONE;
    if (e.kind == ERR_STOPPED) return FARM_STOPPED;
    if (e.kind == ERR_DIVERGED || e.kind == ERR_JOB || e.kind == ERR_SPEC) {
        log_warn("job in row %u failed: %s", (unsigned)run.row, err_text(&e, text, sizeof text));
        return FARM_FAILED;
    }
    if (!crew->error.kind) crew->error = e; /* the store cannot be written: nobody can go on, so everybody stops */
    return FARM_STOPPED;
}

/* ---- rank 0: which jobs, in which order ---- */

struct desk {
    struct crew *crew;
    struct store_row *rows;      /* of the whole store, as read before the start */
    struct farm_job *job;        /* to the farm                                  */
    uint32_t *plan_of, *farm_of; /* farm index <-> plan index; PLAN_NONE: not in the farm */
    uint32_t *job_of_row;        /* store row -> plan index                      */
    size_t count, done, failed, blocked, damaged;
    struct progress progress;
    double start;
};

static const struct plan *plan_of_desk(const struct desk *d)
{
    return &d->crew->sheet.plan;
}

static void store_must(int rc, struct err *e)
{
    if (!rc) return;
    int code = cli_fail(e);
    MPI_Abort(MPI_COMM_WORLD, code == 2 ? 5 : code);
}

/* d->rows follows; what the row says already is not written again. */
static void set_state(struct desk *d, uint32_t row, enum job_state state, const char *why, int64_t attempts)
{
    struct err e = { 0 };
    struct store_row *r = &d->rows[row];
    store_must(store_read_row(d->crew->store, row, r, NULL, &e), &e);
    if (r->state == state && !strcmp(r->error, why) && r->attempts == attempts) return;
    r->state = (uint8_t)state;
    r->attempts = attempts;
    memset(r->error, 0, sizeof r->error);
    snprintf(r->error, sizeof r->error, "%s", why);
    store_must(store_commit(d->crew->store, row, r, &e), &e);
}

static void block(struct desk *d, size_t plan_job)
{
    const struct plan_job *job = &plan_of_desk(d)->job[plan_job];
    const uint32_t row = d->crew->row[plan_job];
    char why[100], t[24];
    switch (d->rows[d->crew->row[job->parent]].state) {
    case JOB_FAILED: snprintf(why, sizeof why, "its parent failed"); break;
    case JOB_BLOCKED: snprintf(why, sizeof why, "its parent is blocked"); break;
    case JOB_UNUSED: snprintf(why, sizeof why, "its parent's row in the store is damaged"); break;
    default: snprintf(why, sizeof why, "its parent never reached t = %s", t_text(job->t, t)); break;
    }
    d->blocked++;
    set_state(d, row, JOB_BLOCKED, why, d->rows[row].attempts);
}

/* Does the store hold the weights that job is made from? */
static bool parent_is_ready(struct desk *d, const struct plan_job *job)
{
    struct store *store = d->crew->store;
    const struct store_row *parent = &d->rows[d->crew->row[job->parent]];
    if (parent->state == JOB_UNUSED) return false;
    struct arena_mark m = arena_mark(&d->crew->sheet.arena);
    struct watch watch;
    struct err e = { 0 };
    int64_t epoch = COLUMN_NO_INT;
    store_must(watch_parse(&watch, store_family(store, (size_t)parent->family)->about, &d->crew->sheet.arena, &e),
               &e);
    size_t slot = watch_slot(&watch, job->t);
    if (slot != SIZE_MAX && store_has(store, parent, ARRAY_CHECKPOINT_EPOCH, slot))
        store_must(store_get(store, parent, ARRAY_CHECKPOINT_EPOCH, slot, &epoch, &e), &e);
    arena_rewind(&d->crew->sheet.arena, m);
    return epoch >= 0;
}

static void add_to_farm(struct desk *d, size_t i, uint32_t parent_farm)
{
    const struct plan_job *job = &plan_of_desk(d)->job[i];
    const uint32_t *row = d->crew->row;
    if (d->rows[row[i]].state != JOB_PENDING)
        set_state(d, row[i], JOB_PENDING, "", d->rows[row[i]].attempts); /* no longer failed or blocked */
    d->farm_of[i] = (uint32_t)d->count;
    d->plan_of[d->count] = (uint32_t)i;
    d->job[d->count++] = (struct farm_job){
        .label = make_label(row[i], job->parent == PLAN_NONE ? JOB_NO_PARENT : row[job->parent]),
        .parent = parent_farm,
        .need = job->t,
        .cost = (double)plan_epochs(plan_of_desk(d), i) * (double)plan_of_desk(d)->shape[job->shape].layout.n,
    };
}

/* We have the lock, so whatever still "runs" is dead, whichever sweep it belongs to. */
static void bury(struct desk *d, uint32_t row)
{
    if (d->rows[row].state != JOB_RUNNING) return;
    if (d->rows[row].attempts >= CREW_ATTEMPTS)
        set_state(d, row, JOB_FAILED, "crashed 3 times", d->rows[row].attempts);
    else
        set_state(d, row, JOB_PENDING, "", d->rows[row].attempts);
}

/* Parents come before their children, so a parent's fate is known here. */
static void consider(struct desk *d, size_t i)
{
    const struct plan_job *job = &plan_of_desk(d)->job[i];
    struct store_row *r = &d->rows[d->crew->row[i]];
    d->farm_of[i] = PLAN_NONE;
    d->job_of_row[d->crew->row[i]] = (uint32_t)i;
    if (r->state == JOB_FAILED && d->crew->retry_failed) set_state(d, d->crew->row[i], JOB_PENDING, "", 0);
    size_t *tally = r->state == JOB_DONE     ? &d->done
                    : r->state == JOB_FAILED ? &d->failed
                    : r->state == JOB_UNUSED ? &d->damaged
                                             : NULL;
    if (tally) {
        ++*tally;
        return;
    }
    if (job->parent == PLAN_NONE) {
        add_to_farm(d, i, FARM_NO_PARENT);
    } else if (d->farm_of[job->parent] != PLAN_NONE) {
        add_to_farm(d, i, d->farm_of[job->parent]);
    } else if (parent_is_ready(d, job)) {
        add_to_farm(d, i, FARM_NO_PARENT);
    } else {
        block(d, i);
    }
}

static const char *label_text(void *ctx, uint64_t label, char out[64])
{
    const struct desk *d = ctx;
    struct job_spec s;
    struct err e = { 0 };
    uint32_t i = d->job_of_row[(uint32_t)label];
    out[0] = '\0';
    if (!spec_parse(plan_of_desk(d)->job[i].canonical, &s, &e)) spec_label(&s, out, 64);
    return out;
}

static void on_blocked(void *ctx, size_t job)
{
    struct desk *d = ctx;
    const size_t i = d->plan_of[job];
    const uint32_t parent = d->crew->row[plan_of_desk(d)->job[i].parent];
    struct err e = { 0 };
    store_must(store_read_row(d->crew->store, parent, &d->rows[parent], NULL, &e), &e);
    block(d, i);
}

static void on_finished(void *ctx, size_t job, enum farm_verdict verdict, int rank)
{
    static const char *const word[] = { [FARM_DONE] = "done", [FARM_FAILED] = "failed", [FARM_STOPPED] = "stopped" };
    struct desk *d = ctx;
    char label[64];
    d->done += verdict == FARM_DONE;
    d->failed += verdict == FARM_FAILED;
    if (!log_shows(LOG_JOB)) return;
    log_job("%s: %s on rank %d", label_text(d, d->job[job].label, label), word[verdict], rank);
}

static void on_progress(void *ctx, const struct farm_progress *p)
{
    struct desk *d = ctx;
    if (!lock_beat(d->crew->lock)) {
        log_error("the lock of '%s' was taken by another run, or deleted; this run ends at once",
                  d->crew->sheet.store);
        MPI_Abort(MPI_COMM_WORLD, 4);
    }
    progress_show(&d->progress, p);
}

static void open_desk(struct desk *d, struct crew *crew)
{
    struct arena *a = &crew->sheet.arena;
    size_t rows = store_rows(crew->store), jobs = crew->sheet.plan.jobs, bad;
    struct err e = { 0 };
    *d = (struct desk){ .crew = crew, .start = clock_wall() };
    d->rows = ARENA_NEW(a, rows, struct store_row);
    d->job = ARENA_NEW(a, jobs, struct farm_job);
    d->plan_of = ARENA_NEW(a, jobs, uint32_t);
    d->farm_of = ARENA_NEW(a, jobs, uint32_t);
    d->job_of_row = ARENA_NEW(a, rows, uint32_t);
    store_must(store_read_rows(crew->store, d->rows, NULL, &bad, &e), &e);
    if (bad)
        log_warn("%zu rows of '%s' are damaged and left alone; `run --repair` trains their jobs again", bad,
                 crew->sheet.store);
    for (uint32_t row = 0; row < rows; row++) bury(d, row);
    for (size_t i = 0; i < jobs; i++) consider(d, i);
    log_run("sweep %s: %zu jobs, %zu done before, %zu to train; store %s", sweep_name(crew->sheet.plan.sweep), jobs,
            d->done, d->count, crew->sheet.store);
    progress_open(&d->progress, label_text, d);
}

static void close_desk(struct desk *d, bool stopped)
{
    char span[32];
    progress_close(&d->progress);
    log_run("%s: %zu of %zu jobs done, %zu failed, %zu blocked, in %s%s", stopped ? "stopped early" : "finished",
            d->done, plan_of_desk(d)->jobs, d->failed, d->blocked, clock_span(clock_wall() - d->start, span),
            stopped ? "; the same command goes on" : "");
}

/* The lowest rank's trouble, said once. */
static int say_trouble(const struct crew *crew, int code)
{
    struct err e = crew->error;
    if (!par_agree(MPI_COMM_WORLD, &e)) return code;
    if (crew->rank > 0) return code;
    cli_fail(&e);
    if (e.kind == ERR_FULL)
        log_error("the disk is full; what is committed is safe: make room, and the same command goes on");
    return e.kind == ERR_IO ? 5 : err_exit_code(&e);
}

int crew_work(struct crew *crew)
{
    static struct desk desk;
    struct farm_plan plan = { 0 };
    bool stopped;
    size_t failures;
    int code = 0;
    if (crew->rank == 0) {
        open_desk(&desk, crew);
        plan = (struct farm_plan){ .job = desk.job,
                                   .count = desk.count,
                                   .max_failures = crew->max_failures,
                                   .progress_every = log_terminal() ? 0.5 : 5,
                                   .ctx = &desk,
                                   .blocked = on_blocked,
                                   .finished = on_finished,
                                   .progress = on_progress };
    }
    const struct farm_work work = { crew, run_job, should_stop };
    farm_run(MPI_COMM_WORLD, crew->rank == 0 ? &plan : NULL, &work, &stopped, &failures);
    if (crew->rank == 0) {
        close_desk(&desk, stopped);
        code = stopped ? 75 : desk.damaged ? 5 : desk.failed + desk.blocked ? 3 : 0;
    }
    code = say_trouble(crew, code);
    MPI_MUST(MPI_Bcast(&code, 1, MPI_INT, 0, MPI_COMM_WORLD));
    return code;
}
