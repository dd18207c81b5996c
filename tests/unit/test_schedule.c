#include "base/clock.h"
#include "base/rng.h"
#include "farm/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void count_blocked(void *ctx, size_t job)
{
    (void)job;
    ++*(size_t *)ctx;
}

static size_t end(struct schedule *s, uint32_t job, enum farm_verdict verdict)
{
    size_t blocked = 0;
    schedule_end(s, job, verdict, count_blocked, &blocked);
    return blocked;
}

static void take_all(struct schedule *s, const uint32_t *want, size_t count)
{
    for (size_t i = 0; i < count; i++) assert_int_equal(schedule_take(s), want[i]);
    assert_int_equal(schedule_take(s), SCHEDULE_NONE);
}

static void test_empty(void **state)
{
    (void)state;
    struct schedule s;
    schedule_open(&s, NULL, 0);
    assert_int_equal(schedule_take(&s), SCHEDULE_NONE);
    schedule_close(&s);
}

static void test_equal_jobs_go_by_index(void **state)
{
    (void)state;
    struct farm_job job[5];
    for (int i = 0; i < 5; i++) job[i] = (struct farm_job){ .parent = FARM_NO_PARENT, .cost = 1 };
    struct schedule s;
    schedule_open(&s, job, 5);
    take_all(&s, (uint32_t[]){ 0, 1, 2, 3, 4 }, 5);
    schedule_close(&s);
}

/* A chain counts with all that hangs below it, wherever in the table that stands. */
static void test_longest_chain_first(void **state)
{
    (void)state;
    const struct farm_job job[] = {
        { .parent = 4, .need = 1, .cost = 3 },              /* chain 3         */
        { .parent = FARM_NO_PARENT, .cost = 5 },            /* chain 5         */
        { .parent = FARM_NO_PARENT, .cost = 1 },            /* chain 1 + 4.5   */
        { .parent = 2, .need = 1, .cost = 4.5 },            /* chain 4.5       */
        { .parent = FARM_NO_PARENT, .cost = 2.25 },         /* chain 2.25 + 3  */
        { .parent = 2, .need = FARM_ALWAYS, .cost = 4.25 }, /* chain 4.25      */
    };
    struct schedule s;
    schedule_open(&s, job, 6);
    take_all(&s, (uint32_t[]){ 2, 4, 1 }, 3);
    schedule_mark(&s, 2, 1);
    schedule_mark(&s, 4, 1);
    assert_int_equal(end(&s, 2, FARM_DONE), 0);
    take_all(&s, (uint32_t[]){ 3, 5, 0 }, 3);
    schedule_close(&s);
}

static void test_a_milestone_releases_only_its_own(void **state)
{
    (void)state;
    const struct farm_job job[] = {
        { .parent = FARM_NO_PARENT, .cost = 1 },         { .parent = 0, .need = 4000, .cost = 1 },
        { .parent = 0, .need = FARM_ALWAYS, .cost = 1 }, { .parent = 0, .need = 2000, .cost = 1 },
        { .parent = 0, .need = -2, .cost = 1 },          { .parent = 0, .need = 2000, .cost = 1 },
        { .parent = 3, .need = 2000, .cost = 1 },
    };
    struct schedule s;
    schedule_open(&s, job, 7);
    take_all(&s, (uint32_t[]){ 0 }, 1);
    schedule_mark(&s, 0, 3000);
    take_all(&s, NULL, 0);
    schedule_mark(&s, 0, 2000);
    take_all(&s, (uint32_t[]){ 3, 5 }, 2);
    schedule_mark(&s, 0, 2000); /* again: nothing new */
    take_all(&s, NULL, 0);
    schedule_mark(&s, 0, -2);
    take_all(&s, (uint32_t[]){ 4 }, 1);
    assert_int_equal(end(&s, 0, FARM_DONE), 1); /* 4000 was never reached */
    take_all(&s, (uint32_t[]){ 2 }, 1);
    assert_int_equal(s.state[1], SCHEDULE_BLOCKED);
    assert_int_equal(s.state[6], SCHEDULE_WAITING);
    assert_int_equal(end(&s, 3, FARM_DONE), 1);
    assert_int_equal(s.state[6], SCHEDULE_BLOCKED);
    schedule_close(&s);
}

static void test_failure_blocks_all_below(void **state)
{
    (void)state;
    const struct farm_job job[] = {
        { .parent = FARM_NO_PARENT, .cost = 1 },
        { .parent = 0, .need = 1, .cost = 1 },
        { .parent = 0, .need = FARM_ALWAYS },
        { .parent = 2, .need = 5 },
        { .parent = 3, .need = FARM_ALWAYS },
        { .parent = 1, .need = 7 },
        { .parent = FARM_NO_PARENT },
    };
    struct schedule s;
    schedule_open(&s, job, 7);
    assert_int_equal(schedule_take(&s), 0);
    schedule_mark(&s, 0, 1);
    assert_int_equal(schedule_take(&s), 1);
    assert_int_equal(end(&s, 0, FARM_FAILED), 3); /* 2, 3, 4; what job 1 was made from is stored */
    assert_int_equal(s.state[5], SCHEDULE_WAITING);
    schedule_mark(&s, 1, 7);
    assert_int_equal(end(&s, 1, FARM_FAILED), 0);
    take_all(&s, (uint32_t[]){ 5, 6 }, 2);
    assert_int_equal(s.tally[SCHEDULE_BLOCKED], 3);
    assert_int_equal(s.tally[SCHEDULE_FAILED], 2);
    schedule_close(&s);
}

static void test_stopped_leaves_children_pending(void **state)
{
    (void)state;
    const struct farm_job job[] = { { .parent = FARM_NO_PARENT },
                                    { .parent = 0, .need = 1 },
                                    { .parent = 0, .need = FARM_ALWAYS } };
    struct schedule s;
    schedule_open(&s, job, 3);
    assert_int_equal(schedule_take(&s), 0);
    assert_int_equal(end(&s, 0, FARM_STOPPED), 0);
    assert_int_equal(schedule_take(&s), SCHEDULE_NONE);
    assert_int_equal(s.tally[SCHEDULE_WAITING], 2);
    assert_int_equal(s.tally[SCHEDULE_STOPPED], 1);
    schedule_close(&s);
}

/* A chain as long as the plan neither overflows a stack nor the array that the heap and the blocked jobs share. */
static void test_deep_chain_is_blocked(void **state)
{
    (void)state;
    enum { N = 200000 };
    struct farm_job *job = calloc(N, sizeof *job);
    for (uint32_t j = 0; j < N; j++) {
        job[j] = (struct farm_job){ .parent = j + 1, .need = FARM_ALWAYS, .cost = 1 };
        if (j % 2 == 1) job[j].parent = j + 2; /* a comb: odd jobs are the spine, even ones its teeth */
    }
    job[N - 1].parent = job[N - 2].parent = FARM_NO_PARENT;
    struct schedule s;
    schedule_open(&s, job, N);
    assert_true(s.chain[N - 1] == N / 2 + 1);
    assert_int_equal(schedule_take(&s), N - 1);
    assert_int_equal(end(&s, N - 1, FARM_FAILED), N - 2);
    take_all(&s, (uint32_t[]){ N - 2 }, 1);
    schedule_close(&s);
    free(job);
}

/* The order is the one that sorting says, and every job runs once: against a plain search over a random forest. */
static void test_random_forest_against_search(void **state)
{
    (void)state;
    enum { N = 400 };
    struct rng r = rng_open(7, "forest");
    struct farm_job job[N];
    for (uint32_t j = 0; j < N; j++) {
        const bool root = j == 0 || rng_below(&r, 4) == 0;
        job[j] = (struct farm_job){ .parent = root ? FARM_NO_PARENT : (uint32_t)rng_below(&r, j),
                                    .need = rng_below(&r, 3) ? (int64_t)rng_below(&r, 4) : FARM_ALWAYS,
                                    .cost = (double)rng_below(&r, 5) };
    }
    double chain[N] = { 0 };
    for (uint32_t j = N; j-- > 0;) {
        chain[j] += job[j].cost;
        if (job[j].parent != FARM_NO_PARENT && chain[job[j].parent] < chain[j]) chain[job[j].parent] = chain[j];
    }
    bool ready[N], seen[N] = { false };
    for (uint32_t j = 0; j < N; j++) ready[j] = job[j].parent == FARM_NO_PARENT;

    struct schedule s;
    schedule_open(&s, job, N);
    for (uint32_t taken = 0; taken < N; taken++) {
        uint32_t best = 0;
        while (best < N - 1 && !ready[best]) best++;
        for (uint32_t j = best + 1; j < N; j++)
            if (ready[j] && chain[j] > chain[best]) best = j;
        assert_int_equal(schedule_take(&s), best);
        assert_false(seen[best]);
        seen[best] = true;
        ready[best] = false;
        for (int64_t t = 0; t < 4; t++) schedule_mark(&s, best, t);
        for (uint32_t j = 0; j < N; j++)
            if (job[j].parent == best) ready[j] = true;
        assert_int_equal(end(&s, best, FARM_DONE), 0);
    }
    assert_int_equal(s.tally[SCHEDULE_DONE], N);
    schedule_close(&s);
}

static void test_a_million_jobs(void **state)
{
    (void)state;
    enum { N = 1000000, BROOD = 10 };
    struct farm_job *job = calloc(N, sizeof *job);
    struct rng r = rng_open(1, "million");
    for (uint32_t j = 0; j < N; j++) {
        const bool root = j % BROOD == 0;
        job[j] = (struct farm_job){ .parent = root ? FARM_NO_PARENT : j - j % BROOD,
                                    .need = root ? 0 : (int64_t)(j % BROOD) * 2000,
                                    .cost = rng_uniform(&r) };
    }
    const double start = clock_cpu();
    struct schedule s;
    schedule_open(&s, job, N);
    const size_t bytes = s.arena.used / N;
    uint32_t j, ran = 0;
    while ((j = schedule_take(&s)) != SCHEDULE_NONE) {
        for (int64_t t = 1; j % BROOD == 0 && t < BROOD; t++) schedule_mark(&s, j, t * 2000);
        schedule_end(&s, j, FARM_DONE, count_blocked, NULL);
        ran++;
    }
    schedule_close(&s);
    const double seconds = clock_cpu() - start;
    print_message("a million jobs: %.2f s, %zu bytes a job\n", seconds, bytes);
    assert_int_equal(ran, N);
    assert_true(bytes <= 40);
    assert_true(seconds < 10); /* 0.5 s when optimised; the sanitizers may take their time */
    free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_equal_jobs_go_by_index),
        cmocka_unit_test(test_longest_chain_first),
        cmocka_unit_test(test_a_milestone_releases_only_its_own),
        cmocka_unit_test(test_failure_blocks_all_below),
        cmocka_unit_test(test_stopped_leaves_children_pending),
        cmocka_unit_test(test_deep_chain_is_blocked),
        cmocka_unit_test(test_random_forest_against_search),
        cmocka_unit_test(test_a_million_jobs),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
