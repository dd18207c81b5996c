#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/limits.h"
#include "cli/measurer.h"
#include "cli/session.h"

#include <unistd.h>

static int begin(struct session *s, const struct cli *c)
{
    struct err e = { 0 };
    s->left = limits_left(c, &e);
    s->commit_every = 1;
    if (e.kind || sheet_set_store(&s->sheet, c->arg[0], &e)) return cli_fail(&e);
    if (access(s->sheet.store, F_OK)) err_at(&e, ERR_IO, s->sheet.store, NOWHERE, NULL, "there is no store");
    return e.kind ? cli_fail(&e) : EXIT_DONE;
}

static int prepare(struct session *s, const struct cli *c, struct err *e)
{
    struct measuring_plan *plan = &s->measurer->plan;
    s->errors = &plan->errors;
    if (store_add_annexes(s->sheet.store, NULL, 0, e) ||
        measuring_plan_make(plan, s->sheet.store, c->arg[1], s->inputs, e))
        return -1;
    return store_add_annexes(s->sheet.store, plan->annex, plan->annexes, e);
}

static int work(struct session *s, const struct cli *c)
{
    const struct measurer *m = s->measurer;
    const struct measuring_plan *plan = &m->plan;
    const double start = clock_wall();
    int code = 0;
    if (s->rank == 0) {
        log_run("%zu jobs to measure, %zu have all of it, %zu are not done, for %zu it has no meaning", plan->jobs,
                plan->complete, plan->unfinished, plan->meaningless);
        lacks_warn(&plan->lacks, s->sheet.store, c->arg[1]);
    }
    const bool stopped = measurer_work(s);
    if (s->rank == 0)
        code = stopped ? EXIT_STOPPED : m->failed || lacks_required(&plan->lacks) ? EXIT_LACKING : EXIT_DONE;
    const int end = session_close_work(s, code);
    if (s->rank == 0) {
        char span[32];
        log_run("%s: %zu of %zu jobs measured, %zu failed, in %s%s",
                end != code ? "ended by that"
                : stopped   ? "stopped early"
                            : "finished",
                m->done, plan->jobs, m->failed, clock_span(clock_wall() - start, span),
                end == EXIT_STOPPED ? "; the same command goes on" : "");
        lacks_fail(&plan->lacks, s->sheet.store, c->arg[1]);
    }
    return end;
}

static int run_measure(const struct cli *c)
{
    static const struct session_command does = { begin, prepare, work };
    static struct measurer measurer;
    static struct session session = { .measurer = &measurer };
    const int code = session_run(&session, c, &does);
    measuring_plan_release(&measurer.plan);
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
