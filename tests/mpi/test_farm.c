/* The farm with jobs that only pretend: run with 1, 2, 3 and 4 ranks.  Prints TAP; the exit code is the verdict. */
#include "tap.h"

#include "base/clock.h"
#include "base/log.h"
#include "farm/farm.h"
#include "par/par.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- jobs that pretend --- */

struct fake {
    double seconds;     /* how long it runs, in steps of a millisecond, each an epoch */
    int64_t mark_epoch; /* where it marks milestone `mark`, if mark is not 0          */
    int64_t mark;
    bool busy; /* computes instead of sleeping */
    bool fails;
};

enum { JOBS_MAX = 20000, LONG = 40 }; /* LONG: seconds that no job is given */

struct stage {
    struct farm_job job[JOBS_MAX];
    struct fake fake[JOBS_MAX];
    size_t count, max_failures;
    double progress_every;
    int wisher; /* the rank that wants to stop ... */
    double wish_after;

    /* what happened, on this rank */
    int ran[JOBS_MAX];
    double began[JOBS_MAX], ended[JOBS_MAX];
    int here;
    int64_t epochs;
    double start;
    /* what rank 0 was told */
    int blocked[JOBS_MAX], finished[JOBS_MAX], verdicts[3];
    int progresses;
    bool sound;
    struct farm_progress last;
    /* what farm_run said */
    bool stopped;
    size_t failures;
};

static struct stage st;

static void stage_clear(void)
{
    memset(&st, 0, sizeof st);
    st.max_failures = SIZE_MAX;
    st.progress_every = 0.01;
    st.wisher = -1;
    st.sound = true;
}

static uint32_t stage_add(uint32_t parent, int64_t need, struct fake fake)
{
    st.job[st.count] = (struct farm_job){ .label = { .row = (uint32_t)st.count },
                                          .parent = parent,
                                          .need = need,
                                          .after = FARM_NO_PARENT,
                                          .cost = fake.seconds };
    st.fake[st.count] = fake;
    return (uint32_t)st.count++;
}

static void spend(double seconds, bool busy)
{
    const double end = clock_wall() + seconds;
    if (!busy) clock_sleep(seconds);
    while (clock_wall() < end) {
    }
}

static enum farm_verdict run(void *ctx, struct farm *f, struct farm_label label)
{
    (void)ctx;
    const struct fake *fake = &st.fake[label.row];
    const int64_t epochs = (int64_t)lround(fake->seconds * 1000);
    enum farm_verdict verdict = fake->fails ? FARM_FAILED : FARM_DONE;
    st.ran[label.row]++;
    st.here++;
    st.began[label.row] = clock_wall();
    for (int64_t epoch = 0; epoch <= epochs; epoch++) {
        if (fake->mark && epoch == fake->mark_epoch) farm_mark(f, fake->mark);
        if (farm_tick(f, epoch, epochs)) verdict = FARM_STOPPED;
        if (verdict == FARM_STOPPED || epoch == epochs) break;
        spend(1e-3, fake->busy);
        st.epochs++;
    }
    st.ended[label.row] = clock_wall();
    return verdict;
}

static bool should_stop(void *ctx)
{
    (void)ctx;
    return rank == st.wisher && clock_wall() > st.start + st.wish_after;
}

static void on_blocked(void *ctx, size_t job)
{
    (void)ctx;
    st.blocked[job]++;
}

static void on_finished(void *ctx, size_t job, enum farm_verdict verdict, int by)
{
    (void)ctx;
    st.finished[job]++;
    st.verdicts[verdict]++;
    if (by < 0 || by >= ranks) st.sound = false;
}

static void on_progress(void *ctx, const struct farm_progress *p)
{
    (void)ctx;
    size_t busy = 0;
    for (int i = 0; i < p->ranks; i++) busy += p->seat[i].busy;
    if (p->ranks != ranks || p->total != st.count || busy != p->running) st.sound = false;
    if (p->done < st.last.done || p->epochs < st.last.epochs || p->cost_done > p->cost_total * (1 + 1e-9) + 1e-9)
        st.sound = false;
    st.last = *p;
    st.progresses++;
}

static void stage_run(void)
{
    const struct farm_plan plan = { .job = st.job,
                                    .count = st.count,
                                    .max_failures = st.max_failures,
                                    .progress_every = st.progress_every,
                                    .blocked = on_blocked,
                                    .finished = on_finished,
                                    .progress = on_progress };
    const struct farm_work work = { .run = run, .should_stop = should_stop };
    MPI_MUST(MPI_Barrier(MPI_COMM_WORLD));
    st.start = clock_wall();
    farm_run(MPI_COMM_WORLD, rank == 0 ? &plan : NULL, &work, &st.stopped, &st.failures);
}

/* Collective, after stage_run: ran[], began[] and ended[] become those of all ranks. */
static void stage_gather(void)
{
    const int n = (int)st.count;
    MPI_MUST(MPI_Allreduce(MPI_IN_PLACE, st.ran, n, MPI_INT, MPI_SUM, MPI_COMM_WORLD));
    MPI_MUST(MPI_Allreduce(MPI_IN_PLACE, st.began, n, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD));
    MPI_MUST(MPI_Allreduce(MPI_IN_PLACE, st.ended, n, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD));
    MPI_MUST(MPI_Allreduce(MPI_IN_PLACE, &st.epochs, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD));
}

/* Every job ran once or was blocked, and rank 0 was told of each once. */
static bool all_settled(void)
{
    for (size_t j = 0; j < st.count; j++)
        if (st.ran[j] + (rank == 0 ? st.blocked[j] : 0) != 1 && (rank == 0 || st.ran[j] != 0)) return false;
    for (size_t j = 0; rank == 0 && j < st.count; j++)
        if (st.finished[j] != st.ran[j]) return false;
    return !st.stopped;
}

static bool told(size_t done, size_t failed, size_t blocked)
{
    const struct farm_progress *p = &st.last;
    return rank > 0 ||
           (st.sound && p->done == done && p->failed == failed && p->blocked == blocked && p->running == 0);
}

/* --- the tests --- */

static void test_no_jobs(void)
{
    stage_clear();
    stage_run();
    check(!st.stopped && st.failures == 0 && st.here == 0, "no jobs: everyone returns");
    check(rank > 0 || st.progresses == 1, "no jobs: progress is called once");
}

static void test_few_jobs(void)
{
    stage_clear();
    stage_add(FARM_NO_PARENT, 0, (struct fake){ .seconds = 0.03 });
    stage_run();
    stage_gather();
    check(all_settled() && told(1, 0, 0), "one job: it runs once");
    check(rank > 0 || st.last.epochs == 30, "one job: its epochs are counted");
}

static void test_forest(void)
{
    stage_clear();
    for (int i = 0; i < 30; i++) {
        const uint32_t root =
            stage_add(FARM_NO_PARENT, 0, (struct fake){ .seconds = 0.006, .mark = 7, .mark_epoch = 2 });
        for (int k = 0; k < 4; k++) {
            const uint32_t child = stage_add(root, k % 2 ? 7 : FARM_ALWAYS, (struct fake){ .seconds = 0.002 * k });
            stage_add(child, FARM_ALWAYS, (struct fake){ 0 });
        }
    }
    stage_run();
    stage_gather();
    check(all_settled() && told(270, 0, 0), "forest: every job runs exactly once");
    bool ordered = true;
    for (size_t j = 0; j < st.count; j++) {
        const uint32_t parent = st.job[j].parent;
        if (parent == FARM_NO_PARENT) continue;
        const double free_at = st.job[j].need == 7 ? st.began[parent] + 2e-3 : st.ended[parent];
        if (st.began[j] < free_at) ordered = false;
    }
    check(ordered, "forest: no job begins before its parent lets it");
    check(rank > 0 || (st.last.epochs == (double)st.epochs && fabs(st.last.cost_done - st.last.cost_total) < 1e-9),
          "forest: epochs and cost add up");
}

static void test_milestone_in_time(void)
{
    stage_clear();
    const uint32_t parent =
        stage_add(FARM_NO_PARENT, 0, (struct fake){ .seconds = 0.4, .mark = -2, .mark_epoch = 50, .busy = true });
    const uint32_t early = stage_add(parent, -2, (struct fake){ .seconds = 0.02 });
    const uint32_t late = stage_add(parent, FARM_ALWAYS, (struct fake){ .seconds = 0.02 });
    const uint32_t never = stage_add(parent, 2000, (struct fake){ .seconds = 0.02 });
    stage_run();
    stage_gather();
    check(all_settled() && told(3, 0, 1) && st.ran[never] == 0, "milestone: a need that is not met blocks");
    check(ranks == 1 || st.began[early] < st.ended[parent] - 0.1,
          "milestone: the child starts while its parent runs");
    check(st.began[late] >= st.ended[parent], "milestone: FARM_ALWAYS waits for the end");
}

static void test_failures(void)
{
    stage_clear();
    size_t failing = 0;
    for (int i = 0; i < 20; i++) {
        const bool fails = i % 4 == 0;
        failing += fails;
        uint32_t j = stage_add(FARM_NO_PARENT, 0, (struct fake){ .seconds = 0.002, .fails = fails });
        for (int k = 0; k < 3; k++) j = stage_add(j, FARM_ALWAYS, (struct fake){ .seconds = 0.001 });
    }
    stage_run();
    stage_gather();
    check(all_settled() && told(60, failing, 3 * failing), "failures: what is below is blocked, all else runs");
    check(st.failures == failing, "failures: all ranks know how many");
    check(rank > 0 || fabs(st.last.cost_done - st.last.cost_total) < 1e-9, "failures: no cost is left over");
}

static void test_all_blocked(void)
{
    stage_clear();
    stage_add(FARM_NO_PARENT, 0, (struct fake){ .seconds = 0.002, .fails = true });
    for (uint32_t j = 0; j < 100; j++) stage_add(j / 2, FARM_ALWAYS, (struct fake){ .seconds = 1 });
    stage_run();
    stage_gather();
    check(all_settled() && told(0, 1, 100), "one failure at the root blocks all");
}

static void test_stop_from(int wisher, const char *what)
{
    stage_clear();
    st.wisher = wisher;
    st.wish_after = 0.1;
    for (int i = 0; i < 50; i++) {
        const uint32_t j = stage_add(FARM_NO_PARENT, 0, (struct fake){ .seconds = LONG });
        stage_add(j, FARM_ALWAYS, (struct fake){ .seconds = LONG });
    }
    stage_run();
    const double took = clock_wall() - st.start;
    stage_gather();
    size_t ran = 0;
    for (size_t j = 0; j < st.count; j++) ran += (size_t)st.ran[j];
    check(st.stopped && took < LONG / 2 && ran == (size_t)ranks, what);
    check(rank > 0 || (st.verdicts[FARM_STOPPED] == ranks && st.last.stopping && st.last.blocked == 0),
          "... and its jobs stay pending");
}

static void test_stop_while_idle(void)
{
    stage_clear();
    st.wisher = 0; /* with more than one rank it is idle: the only job is a worker's */
    st.wish_after = 0.1;
    stage_add(FARM_NO_PARENT, 0, (struct fake){ .seconds = LONG });
    stage_run();
    check(st.stopped && clock_wall() - st.start < LONG / 2, "stop: an idle rank is asked too");
}

static void test_job_stops_itself(void)
{
    stage_clear();
    stage_add(FARM_NO_PARENT, 0, (struct fake){ .seconds = 0.01 });
    st.wisher = ranks - 1;
    st.wish_after = 1e9;
    stage_run();
    check(!st.stopped, "stop: a wish that never comes changes nothing");
    stage_clear();
    st.wisher = 0;
    stage_add(FARM_NO_PARENT, 0, (struct fake){ .seconds = 0.01 });
    stage_run();
    stage_gather();
    check(st.stopped && (rank > 0 || st.verdicts[FARM_DONE] == 0), "stop: a wish at once runs nothing to its end");
}

static void test_max_failures(void)
{
    stage_clear();
    st.max_failures = 3;
    for (int i = 0; i < 200; i++)
        stage_add(FARM_NO_PARENT, 0, (struct fake){ .seconds = 0.002, .fails = i % 2 == 0 });
    stage_run();
    stage_gather();
    check(st.stopped && st.failures > 3 && st.failures <= 3 + (size_t)ranks, "max_failures: drains soon after");
    check(rank > 0 || st.verdicts[FARM_STOPPED] == 0, "max_failures: running jobs are not cut off");
}

/* Rank 0 waits while a worker computes, then all workers wait while rank 0 does. */
static void test_waiting_is_free(void)
{
    for (int jobs = 1; jobs <= ranks; jobs += ranks > 1 ? ranks - 1 : 1) {
        stage_clear();
        for (int i = 0; i < jobs; i++) stage_add(FARM_NO_PARENT, 0, (struct fake){ .seconds = 0 });
        st.fake[jobs - 1] = (struct fake){ .seconds = 1, .busy = true };
        const double before = clock_cpu();
        stage_run();
        const double used = clock_cpu() - before;
        const bool waited = st.began[jobs - 1] == 0;
        if (waited)
            printf("# rank %d of %d waited for %.2f s with %.4f s of CPU\n", rank, ranks, clock_wall() - st.start,
                   used);
        check(!waited || used < 0.05,
              jobs == 1 ? "waiting for a worker costs no CPU" : "waiting for rank 0 costs no CPU");
        check(rank > 0 || st.progresses >= 50, "rank 0 shows progress while it waits or trains");
        if (ranks == 1) break;
    }
}

static void test_throughput(void)
{
    stage_clear();
    st.progress_every = 1;
    for (int i = 0; i < JOBS_MAX; i++) stage_add(FARM_NO_PARENT, 0, (struct fake){ .seconds = 0 });
    stage_run();
    const double took = clock_wall() - st.start;
    if (rank == 0)
        printf("# %d empty jobs on %d ranks: %.3f s, %.1f us of rank time each\n", JOBS_MAX, ranks, took,
               1e6 * took * ranks / JOBS_MAX);
    printf("# rank %d ran %d\n", rank, st.here);
    stage_gather();
    check(all_settled() && told(JOBS_MAX, 0, 0), "20000 empty jobs run once each");
}

static void test_agree(void)
{
    struct err e = { 0 };
    check(!par_agree(MPI_COMM_WORLD, &e) && e.kind == ERR_NONE, "agree: nobody failed");
    if (rank >= ranks / 2) err_set(&e, ERR_IO, "rank %d", rank);
    char want[32];
    snprintf(want, sizeof want, "rank %d", ranks / 2);
    check(par_agree(MPI_COMM_WORLD, &e) && e.kind == ERR_IO && strcmp(e.text, want) == 0,
          "agree: the lowest failing rank's error is everyone's");
    const double before = clock_cpu();
    if (rank == ranks - 1) clock_sleep(0.3);
    e = (struct err){ 0 };
    check(!par_agree(MPI_COMM_WORLD, &e), "agree: one comes late");
    check(clock_cpu() - before < 0.1 || rank == ranks - 1, "agree: and the others wait without CPU");
}

static void test_facts(void)
{
    check(par_host()[0] != '\0', "the host has a name");
    check(par_promised_ranks() == 0 || par_promised_ranks() == ranks, "the launcher keeps its promise");
}

int main(int argc, char **argv)
{
    MPI_MUST(MPI_Init(&argc, &argv));
    MPI_MUST(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI_MUST(MPI_Comm_size(MPI_COMM_WORLD, &ranks));
    test_facts();
    test_agree();
    test_no_jobs();
    test_few_jobs();
    test_forest();
    test_milestone_in_time();
    test_failures();
    test_all_blocked();
    test_stop_from(ranks - 1, "stop: the last rank's wish stops all");
    test_stop_from(0, "stop: rank 0's wish stops all");
    test_stop_while_idle();
    test_job_stops_itself();
    test_max_failures();
    test_waiting_is_free();
    test_throughput();
    if (rank == 0) printf("1..%d\n", tests);
    MPI_MUST(MPI_Finalize());
    return failed_tests ? EXIT_FAILURE : EXIT_SUCCESS;
}
