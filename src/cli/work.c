#include "cli/work.h"
#include "cli/desk.h"
#include "cli/measurer.h"
#include "cli/results.h"
#include "farm/farm.h"
#include "job/run.h"
#include "par/par.h"

/* What every rank does with one job, and what comes of all of them. */

static void on_mark(void *farm, int64_t milestone)
{
    farm_mark(farm, milestone);
}

static void on_saved(void *farm)
{
    farm_clear(farm);
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
    const struct job_hooks hooks = { farm, on_mark, on_saved, on_tick };
    const struct job_run run = { .store = crew->store,
                                 .row = (uint32_t)label,
                                 .parent_row = (uint32_t)(label >> 32),
                                 .rank = crew->rank,
                                 .resume_every = crew->resume_every,
                                 .hooks = &hooks,
                                 .inputs = crew->inputs,
                                 .arena = &arena };
    struct err e = { 0 };
    int rc = job_run(&run, &e);
    arena_rewind(&arena, m);
    return rc ? crew_verdict(crew, run.row, &e) : FARM_DONE;
}

int work_on(struct crew *crew)
{
    struct farm_plan plan = { 0 };
    bool stopped;
    size_t failures;
    int code = 0;
    if (crew->rank == 0) {
        desk_open(crew, &plan);
        desk_find_inputs(&plan);
    }
    crew_share_inputs(crew);
    const struct farm_work work = { crew, run_job, crew_should_stop, crew_tend };
    farm_run(MPI_COMM_WORLD, crew->rank == 0 ? &plan : NULL, &work, &stopped, &failures);
    if (crew->rank == 0) code = desk_code(&plan, stopped);
    code = crew_close_work(crew, code);
    if (crew->rank == 0) {
        struct err e = { 0 };
        if ((code == EXIT_DONE || code == EXIT_LACKING) && results_settle(crew, &e)) code = cli_fail(&e);
        desk_sum_up(&plan, stopped, code);
    }
    code = measurer_make_up(crew, code);
    if (crew->rank == 0) code = measurer_code(crew, code);
    MPI_MUST(MPI_Bcast(&code, 1, MPI_INT, 0, MPI_COMM_WORLD));
    return code;
}
