#include "cli/measurer.h"
#include "base/log.h"
#include "job/measures.h"
#include "par/par.h"

#include <string.h>

/* ---- one job ---- */

static enum farm_verdict measure_job(void *ctx, struct farm *farm, struct farm_label label)
{
    struct session *s = ctx;
    static struct arena arena;
    struct arena_mark mark = arena_mark(&arena);
    const struct job_hooks hooks = session_hooks(farm);
    const struct job_run run = { .store = s->store,
                                 .row = label.row,
                                 .parent_row = JOB_NO_PARENT,
                                 .donor = JOB_NO_PARENT,
                                 .rank = s->rank,
                                 .hooks = &hooks,
                                 .inputs = s->inputs,
                                 .arena = &arena };
    const struct measuring_list *list = &s->measurer->plan.list[label.from];
    struct err e = { 0 };
    int rc = job_measure(&run, list->measure, list->measures, &e);
    arena_rewind(&arena, mark);
    return rc ? session_verdict(s, run.row, &e) : FARM_DONE;
}

/* ---- rank 0 ---- */

static void on_finished(void *ctx, size_t job, enum farm_verdict verdict, int rank)
{
    struct measurer *m = ((struct session *)ctx)->measurer;
    (void)job, (void)rank;
    m->done += verdict == FARM_DONE;
    m->failed += verdict == FARM_FAILED;
}

static void on_progress(void *ctx, const struct farm_progress *p)
{
    const struct session *s = ctx;
    session_beat(s);
    progress_show(&s->measurer->progress, p);
}

static const char *label_text(void *ctx, struct farm_label label, char out[64])
{
    return session_job_text(ctx, label.row, out, 64);
}

/* Every rank gets the lists of measures of rank 0's plan. */
static void tell_lists(struct measurer *m, bool first)
{
    struct buf *text = &m->plan.text;
    uint64_t length = text->length;
    MPI_MUST(MPI_Bcast(&length, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD));
    char *bytes = arena_alloc(&m->plan.arena, length + 1);
    if (first) memcpy(bytes, buf_chars(text), length);
    MPI_MUST(MPI_Bcast(bytes, (int)length, MPI_CHAR, 0, MPI_COMM_WORLD));
    measuring_plan_read(&m->plan, bytes);
}

bool measurer_work(struct session *s)
{
    struct measurer *m = s->measurer;
    const bool first = s->rank == 0;
    tell_lists(m, first);
    session_share_inputs(s);
    const struct farm_plan plan = { .job = m->plan.job,
                                    .count = m->plan.jobs,
                                    .max_failures = SIZE_MAX,
                                    .progress_every = log_terminal() ? 0.5 : 2,
                                    .ctx = s,
                                    .finished = on_finished,
                                    .progress = on_progress };
    const struct farm_work how = { s, measure_job, session_should_stop, session_tend };
    bool stopped;
    size_t failures;
    if (first) progress_open(&m->progress, label_text, s);
    farm_run(MPI_COMM_WORLD, first ? &plan : NULL, &how, &stopped, &failures);
    if (first) progress_close(&m->progress);
    return stopped;
}

/* ---- what a run makes up ---- */

int measurer_prepare(struct session *session, struct err *e)
{
    struct measuring_plan plan = { .jobs = 0 };
    struct store *store;
    if (!session->sheet.unrecorded) return 0;
    if (store_open_read(&store, session->sheet.store, e)) return -1;
    int rc = measuring_plan_of_sweep(&plan, store, &session->sheet.plan, session->inputs, e);
    store_close(store);
    if (!rc) rc = store_add_annexes(session->sheet.store, plan.annex, plan.annexes, e);
    measuring_plan_release(&plan);
    return rc;
}

static int make_up(struct session *session, int code)
{
    struct measurer *m = session->measurer;
    struct err e = { 0 };
    input_table_free(session->inputs); /* it has been shared */
    session_open_inputs(session);
    if (session->rank == 0)
        UNLOOKED(measuring_plan_of_sweep(&m->plan, session->store, &session->sheet.plan, session->inputs, &e));
    if (par_agree(MPI_COMM_WORLD, &e)) return session->rank == 0 ? cli_fail(&e) : code;
    const bool stopped = measurer_work(session);
    if (session->rank == 0 && m->plan.jobs)
        log_run("%s: %zu of %zu jobs measured from their checkpoints, %zu failed",
                stopped ? "stopped early" : "finished", m->done, m->plan.jobs, m->failed);
    return session_close_work(session, stopped ? EXIT_STOPPED : m->failed ? EXIT_LACKING : code);
}

int measurer_make_up(struct session *session, int code)
{
    struct measurer m = { .done = 0 };
    int wanted = session->rank == 0 && session->sheet.unrecorded && (code == EXIT_DONE || code == EXIT_LACKING);
    MPI_MUST(MPI_Bcast(&wanted, 1, MPI_INT, 0, MPI_COMM_WORLD));
    session->measurer = &m;
    if (wanted) code = make_up(session, code);
    session->measurer = NULL;
    measuring_plan_release(&m.plan);
    return code;
}

int measurer_code(struct session *session, int code)
{
    struct sheet *s = &session->sheet;
    struct lacks lacks = { .count = 0 };
    struct err e = { 0 };
    if (code != EXIT_DONE && code != EXIT_LACKING) return code;
    for (size_t i = 0; i < s->plan.jobs && lacks_required(&s->lacks); i++) {
        struct store_row row;
        if (store_read_row(session->store, session->row[i], &row, NULL, &e)) return cli_fail(&e);
        if (row.state == JOB_DONE)
            lacks_add(&lacks, &s->plan.watch[s->plan.job[i].watch], session->store, &row, &s->arena);
    }
    lacks_fail(&lacks, s->store, sweep_file(s->plan.sweep, 0)->path);
    return lacks_required(&lacks) ? EXIT_LACKING : code;
}
