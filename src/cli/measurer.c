#include "cli/measurer.h"
#include "base/log.h"
#include "job/measures.h"
#include "par/par.h"

#include <string.h>

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
    struct measurer *m = ctx;
    static struct arena arena;
    struct arena_mark mark = arena_mark(&arena);
    const struct job_hooks hooks = { farm, on_mark, on_saved, on_tick };
    const struct job_run run = { .store = m->crew->store,
                                 .row = (uint32_t)label,
                                 .parent_row = JOB_NO_PARENT,
                                 .rank = m->crew->rank,
                                 .hooks = &hooks,
                                 .inputs = m->crew->inputs,
                                 .arena = &arena };
    const struct measuring_list *list = &m->plan.list[label >> 32];
    struct err e = { 0 };
    int rc = job_measure(&run, list->measure, list->measures, &e);
    arena_rewind(&arena, mark);
    return rc ? crew_verdict(m->crew, run.row, &e) : FARM_DONE;
}

static bool should_stop(void *ctx)
{
    const struct measurer *m = ctx;
    return crew_should_stop(m->crew);
}

static void tend(void *ctx)
{
    const struct measurer *m = ctx;
    crew_tend(m->crew);
}

/* ---- rank 0 ---- */

static void on_finished(void *ctx, size_t job, enum farm_verdict verdict, int rank)
{
    struct measurer *m = ctx;
    (void)job, (void)rank;
    m->done += verdict == FARM_DONE;
    m->failed += verdict == FARM_FAILED;
}

static void on_progress(void *ctx, const struct farm_progress *p)
{
    struct measurer *m = ctx;
    crew_beat(m->crew);
    progress_show(&m->progress, p);
}

static const char *label_text(void *ctx, uint64_t label, char out[64])
{
    struct measurer *m = ctx;
    return crew_job_text(m->crew, (uint32_t)label, out, 64);
}

void measurer_tell(struct measurer *m)
{
    struct buf *text = &m->plan.text;
    uint64_t length = text->length;
    MPI_MUST(MPI_Bcast(&length, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD));
    char *bytes = arena_alloc(&m->plan.arena, length + 1);
    if (m->crew->rank == 0) memcpy(bytes, buf_chars(text), length);
    MPI_MUST(MPI_Bcast(bytes, (int)length, MPI_CHAR, 0, MPI_COMM_WORLD));
    measuring_plan_read(&m->plan, bytes);
}

bool measurer_work(struct measurer *m)
{
    const bool first = m->crew->rank == 0;
    const struct farm_plan plan = { .job = m->plan.job,
                                    .count = m->plan.jobs,
                                    .max_failures = SIZE_MAX,
                                    .progress_every = log_terminal() ? 0.5 : 2,
                                    .ctx = m,
                                    .finished = on_finished,
                                    .progress = on_progress };
    const struct farm_work how = { m, measure_job, should_stop, tend };
    bool stopped;
    size_t failures;
    if (first) progress_open(&m->progress, label_text, m);
    farm_run(MPI_COMM_WORLD, first ? &plan : NULL, &how, &stopped, &failures);
    if (first) progress_close(&m->progress);
    return stopped;
}

/* ---- what a run makes up ---- */

int measurer_prepare(struct crew *crew, struct err *e)
{
    struct measuring_plan plan = { .jobs = 0 };
    struct store *store;
    if (!crew->sheet.unrecorded) return 0;
    if (store_open_read(&store, crew->sheet.store, e)) return -1;
    int rc = measuring_plan_of_sweep(&plan, store, &crew->sheet.plan, crew->inputs, e);
    store_close(store);
    if (!rc) rc = store_add_annexes(crew->sheet.store, plan.annex, plan.annexes, e);
    measuring_plan_release(&plan);
    return rc;
}

static int make_up(struct measurer *m, int code)
{
    struct crew *crew = m->crew;
    struct err e = { 0 };
    input_table_free(crew->inputs); /* it has been shared */
    crew_open_inputs(crew);
    if (crew->rank == 0)
        UNLOOKED(measuring_plan_of_sweep(&m->plan, crew->store, &crew->sheet.plan, crew->inputs, &e));
    if (par_agree(MPI_COMM_WORLD, &e)) return crew->rank == 0 ? cli_fail(&e) : code;
    measurer_tell(m);
    crew_share_inputs(crew);
    const bool stopped = measurer_work(m);
    if (crew->rank == 0 && m->plan.jobs)
        log_run("%s: %zu of %zu jobs measured from their checkpoints, %zu failed",
                stopped ? "stopped early" : "finished", m->done, m->plan.jobs, m->failed);
    return crew_close_work(crew, stopped ? EXIT_STOPPED : m->failed ? EXIT_LACKING : code);
}

int measurer_make_up(struct crew *crew, int code)
{
    struct measurer m = { .crew = crew };
    int wanted = crew->rank == 0 && crew->sheet.unrecorded && (code == EXIT_DONE || code == EXIT_LACKING);
    MPI_MUST(MPI_Bcast(&wanted, 1, MPI_INT, 0, MPI_COMM_WORLD));
    if (wanted) code = make_up(&m, code);
    measuring_plan_release(&m.plan);
    return code;
}

int measurer_code(struct crew *crew, int code)
{
    struct sheet *s = &crew->sheet;
    struct lacks lacks = { .count = 0 };
    struct err e = { 0 };
    if (code != EXIT_DONE && code != EXIT_LACKING) return code;
    for (size_t i = 0; i < s->plan.jobs && lacks_required(&s->lacks); i++) {
        struct store_row row;
        if (store_read_row(crew->store, crew->row[i], &row, NULL, &e)) return cli_fail(&e);
        if (row.state == JOB_DONE)
            lacks_add(&lacks, &s->plan.watch[s->plan.job[i].watch], crew->store, &row, &s->arena);
    }
    lacks_fail(&lacks, s->store, sweep_file(s->plan.sweep, 0)->path);
    return lacks_required(&lacks) ? EXIT_LACKING : code;
}
