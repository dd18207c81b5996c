#include "job/run.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "job/ancestors.h"
#include "job/data.h"
#include "job/recording.h"
#include "job/spec.h"
#include "job/stages.h"
#include "num/blas.h"
#include "par/par.h"
#include "task/task.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* A job of task `nothing` takes its time, fails or dies as it was told, and learns nothing. */
static int run_nothing(const struct job_run *run, const struct job_spec *spec, const struct watch *watch,
                       struct store_row *row, struct err *e)
{
    const struct nothing_config *c = (const void *)spec->task_config;
    if (store_begin(run->store, run->row, row, false, e)) return -1;
    double end = clock_wall() + c->seconds;
    if (c->die_on == (int64_t)spec->seed) raise(SIGKILL);
    while (clock_wall() < end) {
        clock_sleep(fmin(end - clock_wall(), 1e-3));
        if (run->hooks->tick(run->hooks->ctx, 0, watch->epochs))
            return err_set(e, ERR_STOPPED, "stopped while doing nothing");
    }
    row->epochs_done = row->end = watch->epochs;
    if (c->fail_every && spec->seed % (uint64_t)c->fail_every == 0)
        return err_set(e, ERR_JOB, "failed as asked: every %lld. seed does", (long long)c->fail_every);
    for (size_t i = 0; i < watch->checkpoints; i++) { /* a ticket of a later run asks for the epoch */
        if (store_put(run->store, row, ARRAY_CHECKPOINT_EPOCH, i, &watch->checkpoint[i], sizeof(int64_t), e))
            return -1;
        run->hooks->mark(run->hooks->ctx, watch->checkpoint[i]);
    }
    for (size_t i = 0; i < watch->moments; i++) { /* of those that come without mem and gen */
        const struct watch_moment *m = &watch->moment[i];
        const int64_t epoch = moment_epoch(&m->t, &(struct moment_known){ { COLUMN_NO_INT, COLUMN_NO_INT } });
        if (epoch < 0 || epoch > watch->epochs) continue;
        if (store_put(run->store, row, ARRAY_CHECKPOINT_EPOCH, watch->checkpoints + i, &epoch, sizeof epoch, e))
            return -1;
        run->hooks->mark(run->hooks->ctx, judge_moment(&watch->judge[m->judge], &m->t));
    }
    return 0;
}

static int run_spec(const struct job_run *run, struct store_row *row, struct err *e)
{
    struct job_spec spec;
    struct watch watch;
    if (job_spec_read(&spec, run->store, run->row, row->id, e) ||
        watch_parse(&watch, store_family(run->store, (size_t)row->family), run->arena, e) ||
        watch_check(&watch, &spec, NULL, e))
        return -1;
    if (spec_is_nothing(&spec)) return run_nothing(run, &spec, &watch, row, e);
    bool twice = spec.training.precision == PRECISION_DOUBLE;
    return (twice ? job_stages_f64 : job_stages_f32)(run, &spec, &watch, row, e);
}

static bool fails_only_the_job(const struct err *e)
{
    return e->kind == ERR_DIVERGED || e->kind == ERR_JOB || e->kind == ERR_SPEC;
}

/* The next run goes on with it; what cannot be written even now stays "running" and is found by that run. */
static void give_back(const struct job_run *run, struct store_row *row)
{
    struct err ignored = { 0 };
    row->state = JOB_PENDING;
    UNLOOKED(store_commit(run->store, run->row, row, &ignored));
}

/* A parent that was lost is trained again; on another type of machine its bits may be others, and then so are those
 * of its children.  The row says from now on whether it is still what its ancestors make of it. */
static int confirm(const struct job_run *run, struct store_row *row, struct err *e)
{
    struct job_spec spec;
    struct watch watch;
    char label[64];
    uint64_t sum;
    if (job_spec_read(&spec, run->store, run->row, row->id, e) ||
        watch_parse(&watch, store_family(run->store, (size_t)row->family), run->arena, e) ||
        ancestors_sum(run, &spec, &sum, e))
        return -1;
    if (row->parent_sum == 0 || row->parent_sum == sum) {
        ancestors_mark(run, row, &watch, NULL);
        row->next_state = NEXT_NONE;
        row->next_family = row->next_row = COLUMN_NO_INT;
    } else {
        spec_label(&spec, label, sizeof label);
        log_warn("job %.8s %s was made from weights that its parent no longer has, trained again as that was: it is "
                 "trained again, too",
                 row->id, label);
        row->next_state = NEXT_PENDING;
    }
    return store_progress(run->store, run->row, row, e);
}

static void describe_start(const struct job_run *run, struct store_row *row)
{
    memset(row->host, 0, sizeof row->host);
    text_brief(row->host, sizeof row->host, "%s", par_host());
    memset(row->machine, 0, sizeof row->machine);
    text_brief(row->machine, sizeof row->machine, "%s", blas_version());
    memset(row->error, 0, sizeof row->error);
    row->rank = run->rank;
    row->started = clock_unix();
    row->ended = (double)NAN;
}

int job_run(const struct job_run *run, struct err *e)
{
    struct store_row row;
    if (store_read_row(run->store, run->row, &row, NULL, e)) return -1;
    if (row.next_state == NEXT_CONFIRM && confirm(run, &row, e)) return -1;
    if (row.state == JOB_DONE && !store_next(&row)) return 0;
    const bool suspected = row.attempts >= JOB_SUSPECT;
    describe_start(run, &row);
    int rc = run_spec(run, &row, e);
    const bool left_early = rc && !fails_only_the_job(e);
    if (left_early && row.state == JOB_RUNNING) row.attempts--; /* only those count that end by themselves, or die */
    if (left_early && e->kind != ERR_STOPPED) {
        give_back(run, &row);
        return -1;
    }
    row.state = !rc ? JOB_DONE : e->kind == ERR_STOPPED ? JOB_PENDING : JOB_FAILED;
    row.ended = clock_unix();
    if (row.state == JOB_DONE) row.deaths = 0;
    if (row.state == JOB_FAILED) err_text(e, row.error, sizeof row.error);
    struct err late = { 0 };
    if (row.state == JOB_PENDING
            ? store_commit(run->store, run->row, &row, &late)
            : store_commit_soon(run->store, run->row, &row, &late) || store_settle(run->store, suspected, &late)) {
        *e = late;
        return -1;
    }
    return rc;
}
