#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/crew.h"
#include "cli/launch.h"
#include "cli/limits.h"
#include "cli/measuring_plan.h"
#include "cli/progress.h"
#include "job/measures.h"
#include "par/par.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Every rank computes the measures of one finished job at a time. */
struct bench {
    struct crew crew;
    struct measuring_plan plan; /* rank 0 only, but for its lists */
    struct progress progress;
    size_t done, failed;
};

/* ---- one job ---- */

static void on_mark(void *farm, int64_t milestone)
{
    farm_mark(farm, milestone);
}

static void on_saved(void *farm)
{
    (void)farm; /* a measure has no resume points */
}

static bool on_tick(void *farm, int64_t epoch, int64_t epochs)
{
    return farm_tick(farm, epoch, epochs);
}

static enum farm_verdict measure_job(void *ctx, struct farm *farm, uint64_t label)
{
    struct bench *bench = ctx;
    static struct arena arena;
    struct arena_mark m = arena_mark(&arena);
    const struct job_hooks hooks = { farm, on_mark, on_saved, on_tick };
    const struct job_run run = { .store = bench->crew.store,
                                 .row = (uint32_t)label,
                                 .parent_row = JOB_NO_PARENT,
                                 .rank = bench->crew.rank,
                                 .hooks = &hooks,
                                 .inputs = bench->crew.inputs,
                                 .arena = &arena };
    const struct measuring_list *list = &bench->plan.list[label >> 32];
    struct err e = { 0 };
    int rc = job_measure(&run, list->measure, list->measures, &e);
    arena_rewind(&arena, m);
    return rc ? crew_verdict(&bench->crew, run.row, &e) : FARM_DONE;
}

/* ---- rank 0 ---- */

static void on_finished(void *ctx, size_t job, enum farm_verdict verdict, int rank)
{
    struct bench *bench = ctx;
    (void)job, (void)rank;
    bench->done += verdict == FARM_DONE;
    bench->failed += verdict == FARM_FAILED;
}

static void on_progress(void *ctx, const struct farm_progress *p)
{
    struct bench *bench = ctx;
    crew_beat(&bench->crew);
    progress_show(&bench->progress, p);
}

static const char *label_text(void *ctx, uint64_t label, char out[64])
{
    struct bench *bench = ctx;
    return crew_job_text(&bench->crew, (uint32_t)label, out, 64);
}

static int prepare(struct bench *bench, const struct cli *c, struct err *e)
{
    const char *store = c->arg[0];
    if (sheet_set_store(&bench->crew.sheet, store, e)) return -1;
    if (access(store, F_OK)) return err_at(e, ERR_IO, store, NOWHERE, NULL, "there is no store");
    if (crew_take_store(&bench->crew, e)) return -1;
    store = bench->crew.sheet.store;
    if (store_add_annexes(store, NULL, 0, e) ||
        measuring_plan_make(&bench->plan, store, c->arg[1], bench->crew.inputs, e))
        return -1;
    return store_add_annexes(store, bench->plan.annex, bench->plan.annexes, e);
}

/* The lists, which every rank reads for itself. */
static void tell(struct bench *bench)
{
    struct buf *text = &bench->plan.text;
    uint64_t length = text->length;
    MPI_MUST(MPI_Bcast(&length, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD));
    char *bytes = arena_alloc(&bench->plan.arena, length + 1);
    if (bench->crew.rank == 0) memcpy(bytes, buf_chars(text), length);
    MPI_MUST(MPI_Bcast(bytes, (int)length, MPI_CHAR, 0, MPI_COMM_WORLD));
    measuring_plan_read(&bench->plan, bytes);
}

static int open_all(struct bench *bench, const struct cli *c, struct err *e)
{
    crew_open_inputs(&bench->crew);
    if (bench->crew.rank == 0) prepare(bench, c, e);
    if (par_agree(MPI_COMM_WORLD, e)) return -1;
    tell(bench);
    crew_share_inputs(&bench->crew);
    return crew_open_store(&bench->crew, e);
}

static int work(struct bench *bench)
{
    const bool first = bench->crew.rank == 0;
    const struct farm_plan plan = { .job = bench->plan.job,
                                    .count = bench->plan.jobs,
                                    .max_failures = SIZE_MAX,
                                    .progress_every = log_terminal() ? 0.5 : 2,
                                    .ctx = bench,
                                    .finished = on_finished,
                                    .progress = on_progress };
    const struct farm_work how = { bench, measure_job, crew_should_stop, crew_tend };
    const double start = clock_wall();
    bool stopped;
    size_t failures;
    int code = 0;
    if (first) {
        log_run("%zu jobs to measure, %zu have all of it, %zu are not done, for %zu it has no meaning", plan.count,
                bench->plan.complete, bench->plan.unfinished, bench->plan.meaningless);
        progress_open(&bench->progress, label_text, bench);
    }
    farm_run(MPI_COMM_WORLD, first ? &plan : NULL, &how, &stopped, &failures);
    if (first) progress_close(&bench->progress);
    if (first) code = stopped ? 75 : bench->failed ? 3 : 0;
    const int end = crew_close_work(&bench->crew, code);
    if (first) {
        char span[32];
        log_run("%s: %zu of %zu jobs measured, %zu failed, in %s%s",
                end != code ? "ended by that"
                : stopped   ? "stopped early"
                            : "finished",
                bench->done, plan.count, bench->failed, clock_span(clock_wall() - start, span),
                end == 75 ? "; the same command goes on" : "");
    }
    return end;
}

static int measure_store(struct bench *bench, const struct cli *c)
{
    struct err e = { 0 };
    int code = 0;
    if (open_all(bench, c, &e)) {
        code = bench->plan.errors.count ? 2 : err_exit_code(&e);
        if (bench->crew.rank == 0)
            code = bench->plan.errors.count ? cli_fail_list(&bench->plan.errors) : cli_fail(&e);
        MPI_MUST(MPI_Bcast(&code, 1, MPI_INT, 0, MPI_COMM_WORLD));
    } else {
        code = work(bench);
    }
    crew_leave_store(&bench->crew);
    return code;
}

static int run_measure(const struct cli *c)
{
    static struct bench bench;
    struct crew *crew = &bench.crew;
    struct err e = { 0 };
    crew_catch_signals(); /* before all else: one that comes early is no kill */
    MPI_MUST(MPI_Init(NULL, NULL));
    MPI_MUST(MPI_Comm_rank(MPI_COMM_WORLD, &crew->rank));
    MPI_MUST(MPI_Comm_size(MPI_COMM_WORLD, &crew->ranks));
    log_join(crew->rank, crew->ranks);
    crew->ranks_here = par_ranks_here(MPI_COMM_WORLD);
    int code = launch_check(crew->rank, crew->ranks);
    double left = INFINITY;
    if (crew->rank == 0 && !code) {
        left = limits_left(c, &e);
        if (e.kind) code = cli_fail(&e);
    }
    MPI_MUST(MPI_Bcast(&code, 1, MPI_INT, 0, MPI_COMM_WORLD));
    MPI_MUST(MPI_Bcast(&left, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD));
    crew->deadline = clock_wall() + left;
    crew->commit_every = 1;
    if (!code) code = measure_store(&bench, c);
    measuring_plan_release(&bench.plan);
    crew_end_mpi(crew, code);
    return code;
}

static const struct cli_option options[] = {
    { "time-left", "D", "stop early after D: seconds, or 30m, 2h, 1d" },
    { "margin", "D", "leave so long before the Slurm job ends, unless --time-left says when (default: 60)" },
    { .name = NULL },
};

const struct command command_measure = {
    .name = "measure",
    .args = "STORE MEASURE",
    .summary = "compute measures of jobs that were trained without them",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .help =
        "MEASURE is a kind (`tombola kinds measure`), computed with its defaults for every finished job, or a sweep\n"
        "file, whose `record: {measures: ...}` says what to compute for each of its jobs that the store has.  What\n"
        "comes out are the bits that the job would have recorded.  Alone or under mpirun; stopped or killed, the\n"
        "same command goes on.\n",
    .run = run_measure,
};
