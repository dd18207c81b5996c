#include "base/rng.h"
#include "farm/simulate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_time(double have, double want)
{
    if (fabs(have - want) > 1e-9) fail_msg("%.12g s, not %.12g", have, want);
}

static void test_nothing_to_do(void **state)
{
    (void)state;
    struct simulate s;
    uint32_t last, before[1];
    simulate_open(&s, NULL, NULL, NULL, 0);
    assert_time(simulate_critical(&s, &last, before), 0);
    assert_int_equal(last, FARM_NO_PARENT);
    assert_time(simulate_ranks(&s, 3), 0);
    simulate_close(&s);
}

/* A parent of 4 s that lets one child begin after 1 s, two after 2 s and one at its end; and a job by itself. */
static void test_children_begin_when_they_are_released(void **state)
{
    (void)state;
    const struct farm_job job[] = { { .parent = FARM_NO_PARENT, .after = FARM_NO_PARENT, .cost = 4 },
                                    { .parent = 0, .need = 10, .after = FARM_NO_PARENT, .cost = 5 },
                                    { .parent = 0, .need = -7, .after = FARM_NO_PARENT, .cost = 1 },
                                    { .parent = 0, .need = -7, .after = FARM_NO_PARENT, .cost = 2 },
                                    { .parent = 0, .need = FARM_ALWAYS, .after = FARM_NO_PARENT, .cost = 3 },
                                    { .parent = FARM_NO_PARENT, .after = FARM_NO_PARENT, .cost = 0.5 } };
    const double seconds[] = { 4, 5, 1, 2, 3, 0.5 }, release[] = { 0, 1, 2, 2, 4, 0 };
    struct simulate s;
    uint32_t last, before[6];
    simulate_open(&s, job, seconds, release, 6);
    assert_time(simulate_critical(&s, &last, before), 7);
    assert_int_equal(last, 4);
    assert_int_equal(before[4], 0);
    assert_int_equal(before[5], FARM_NO_PARENT);
    assert_time(simulate_ranks(&s, 1), 15.5);
    assert_time(simulate_ranks(&s, 2), 8); /* job 0 to 4, 4 to 7, 2 to 8; job 5 to 0.5, 1 from 1 to 6, 3 to 8 */
    assert_time(simulate_ranks(&s, 3), 7); /* jobs 3 and 2 by another rank */
    assert_time(simulate_ranks(&s, 100), 7);
    simulate_close(&s);
}

/* By another unit than seconds the farm takes the chain for the shorter one, and begins with the wrong job. */
static void test_order_is_that_of_costs(void **state)
{
    (void)state;
    const struct farm_job job[] = { { .parent = FARM_NO_PARENT, .after = FARM_NO_PARENT, .cost = 1 },
                                    { .parent = FARM_NO_PARENT, .after = FARM_NO_PARENT, .cost = 2 },
                                    { .parent = 0, .need = FARM_ALWAYS, .after = FARM_NO_PARENT, .cost = 0.5 } };
    const double seconds[] = { 3, 1, 3 }, release[] = { 0, 0, 3 };
    struct simulate s;
    simulate_open(&s, job, seconds, release, 3);
    assert_time(simulate_ranks(&s, 1), 7);
    assert_time(simulate_ranks(&s, 2), 6);
    simulate_close(&s);
}

/* Job 1 waits for job 0 to end, although that was given later; job 2 needs job 0 after a second, and then job 1. */
static void test_who_comes_after_waits_for_the_end(void **state)
{
    (void)state;
    const struct farm_job job[] = { { .parent = FARM_NO_PARENT, .after = 1, .cost = 3 },
                                    { .parent = FARM_NO_PARENT, .after = FARM_NO_PARENT, .cost = 2 },
                                    { .parent = 1, .need = 5, .after = 0, .cost = 4 } };
    const double seconds[] = { 3, 2, 4 }, release[] = { 0, 0, 1 };
    struct simulate s;
    uint32_t last, before[3];
    simulate_open(&s, job, seconds, release, 3);
    assert_time(simulate_critical(&s, &last, before), 9);
    assert_int_equal(last, 2);
    assert_int_equal(before[2], 0);
    assert_int_equal(before[0], 1);
    assert_int_equal(before[1], FARM_NO_PARENT);
    assert_time(simulate_ranks(&s, 1), 9);
    assert_time(simulate_ranks(&s, 3), 9);
    simulate_close(&s);
}

static void note_blocked(void *ctx, size_t job)
{
    ((bool *)ctx)[job] = true;
}

/* Job 0 fails: 1 is its child and will never run; 2 comes after 1, 3 after 0: both may.  4 is 3's child by a
 * milestone and comes after 2: it needs both. */
static void test_a_failure_frees_who_comes_after(void **state)
{
    (void)state;
    const struct farm_job job[] = { { .parent = FARM_NO_PARENT, .after = FARM_NO_PARENT, .cost = 9 },
                                    { .parent = 0, .need = 7, .after = FARM_NO_PARENT, .cost = 1 },
                                    { .parent = FARM_NO_PARENT, .after = 1, .cost = 2 },
                                    { .parent = FARM_NO_PARENT, .after = 0, .cost = 3 },
                                    { .parent = 3, .need = 7, .after = 2, .cost = 1 } };
    bool blocked[5] = { false };
    struct schedule s;
    schedule_open(&s, job, 5);
    assert_int_equal(schedule_take(&s), 0);
    assert_int_equal(schedule_take(&s), SCHEDULE_NONE);
    schedule_end(&s, 0, FARM_FAILED, note_blocked, blocked);
    assert_true(blocked[1] && !blocked[2] && !blocked[3] && !blocked[4]);
    assert_int_equal(schedule_take(&s), 3);
    assert_int_equal(schedule_take(&s), 2);
    schedule_mark(&s, 3, 7);
    schedule_mark(&s, 3, 7);
    assert_int_equal(schedule_take(&s), SCHEDULE_NONE);
    schedule_end(&s, 3, FARM_DONE, note_blocked, blocked);
    assert_int_equal(schedule_take(&s), SCHEDULE_NONE);
    schedule_end(&s, 2, FARM_DONE, note_blocked, blocked);
    assert_int_equal(schedule_take(&s), 4);
    schedule_end(&s, 4, FARM_DONE, note_blocked, blocked);
    assert_true(!blocked[4]);
    schedule_close(&s);
}

/* The laws of list scheduling, where every job may release others at any time. */
static void test_bounds_of_random_forests(void **state)
{
    (void)state;
    enum { FORESTS = 300, JOBS = 60 };
    struct rng r = rng_open(1, "test simulate");
    for (int forest = 0; forest < FORESTS; forest++) {
        struct farm_job job[JOBS];
        double seconds[JOBS], release[JOBS] = { 0 }, work = 0;
        struct simulate s;
        uint32_t last, before[JOBS];
        for (uint32_t j = 0; j < JOBS; j++) {
            seconds[j] = rng_below(&r, 4) ? rng_uniform(&r) : 0;
            work += seconds[j];
            job[j] = (struct farm_job){ .parent = FARM_NO_PARENT, .after = FARM_NO_PARENT, .cost = seconds[j] };
            if (j > 0 && rng_below(&r, 4) == 0) job[j].after = (uint32_t)rng_below(&r, j);
            if (j == 0 || rng_below(&r, 3) == 0) continue;
            job[j].parent = (uint32_t)rng_below(&r, j);
            job[j].need = rng_below(&r, 4) ? (int64_t)j : FARM_ALWAYS;
            release[j] = seconds[job[j].parent] * (job[j].need == FARM_ALWAYS ? 1 : rng_uniform(&r));
        }
        simulate_open(&s, job, seconds, release, JOBS);
        const double critical = simulate_critical(&s, &last, before);
        assert_time(simulate_ranks(&s, 1), work);
        assert_time(simulate_ranks(&s, JOBS), critical);
        for (int ranks = 2; ranks < JOBS; ranks++) {
            const double time = simulate_ranks(&s, ranks);
            assert_true(time >= fmax(critical, work / ranks) - 1e-9);
            assert_true(time <= work / ranks + critical * (1 - 1.0 / ranks) + 1e-9);
        }
        simulate_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_children_begin_when_they_are_released),
        cmocka_unit_test(test_order_is_that_of_costs),
        cmocka_unit_test(test_who_comes_after_waits_for_the_end),
        cmocka_unit_test(test_a_failure_frees_who_comes_after),
        cmocka_unit_test(test_bounds_of_random_forests),
    };
    return cmocka_run_group_tests_name("simulate", tests, NULL, NULL);
}
