#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/crew.h"
#include "cli/launch.h"
#include "cli/limits.h"
#include "cli/measurer.h"
#include "par/par.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct bench {
    struct crew crew;
    struct measurer measurer;
};

/* ---- rank 0 ---- */

static int prepare(struct bench *bench, const struct cli *c, struct err *e)
{
    const char *store = c->arg[0];
    if (sheet_set_store(&bench->crew.sheet, store, e)) return -1;
    if (access(store, F_OK)) return err_at(e, ERR_IO, store, NOWHERE, NULL, "there is no store");
    if (crew_take_store(&bench->crew, e)) return -1;
    store = bench->crew.sheet.store;
    if (store_add_annexes(store, NULL, 0, e) ||
        measuring_plan_make(&bench->measurer.plan, store, c->arg[1], bench->crew.inputs, e))
        return -1;
    return store_add_annexes(store, bench->measurer.plan.annex, bench->measurer.plan.annexes, e);
}

static int open_all(struct bench *bench, const struct cli *c, struct err *e)
{
    crew_open_inputs(&bench->crew);
    if (bench->crew.rank == 0) prepare(bench, c, e);
    if (par_agree(MPI_COMM_WORLD, e)) return -1;
    measurer_tell(&bench->measurer);
    crew_share_inputs(&bench->crew);
    return crew_open_store(&bench->crew, e);
}

static int work(struct bench *bench, const struct cli *c)
{
    const struct measuring_plan *plan = &bench->measurer.plan;
    const bool first = bench->crew.rank == 0;
    const double start = clock_wall();
    int code = 0;
    if (first) {
        log_run("%zu jobs to measure, %zu have all of it, %zu are not done, for %zu it has no meaning", plan->jobs,
                plan->complete, plan->unfinished, plan->meaningless);
        lacks_warn(&plan->lacks, bench->crew.sheet.store, c->arg[1]);
    }
    const bool stopped = measurer_work(&bench->measurer);
    if (first)
        code = stopped                                                  ? EXIT_STOPPED
               : bench->measurer.failed || lacks_required(&plan->lacks) ? EXIT_LACKING
                                                                        : EXIT_DONE;
    const int end = crew_close_work(&bench->crew, code);
    if (first) {
        char span[32];
        log_run("%s: %zu of %zu jobs measured, %zu failed, in %s%s",
                end != code ? "ended by that"
                : stopped   ? "stopped early"
                            : "finished",
                bench->measurer.done, plan->jobs, bench->measurer.failed, clock_span(clock_wall() - start, span),
                end == EXIT_STOPPED ? "; the same command goes on" : "");
        lacks_fail(&plan->lacks, bench->crew.sheet.store, c->arg[1]);
    }
    return end;
}

static int measure_store(struct bench *bench, const struct cli *c)
{
    struct err e = { 0 };
    int code = 0;
    if (open_all(bench, c, &e)) {
        code = bench->measurer.plan.errors.count ? EXIT_USAGE : err_exit_code(&e);
        if (bench->crew.rank == 0)
            code = bench->measurer.plan.errors.count ? cli_fail_list(&bench->measurer.plan.errors) : cli_fail(&e);
        MPI_MUST(MPI_Bcast(&code, 1, MPI_INT, 0, MPI_COMM_WORLD));
    } else {
        code = work(bench, c);
    }
    crew_leave_store(&bench->crew);
    return code;
}

static int run_measure(const struct cli *c)
{
    static struct bench bench;
    struct crew *crew = &bench.crew;
    bench.measurer.crew = crew;
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
    measuring_plan_release(&bench.measurer.plan);
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
