#include "cli/progress.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *label_text(void *ctx, struct farm_label label, char out[64])
{
    (void)ctx;
    snprintf(out, 64, "ticket s%d", (int)label.row);
    return out;
}

static const struct farm_seat three[] = {
    { .label = { 1, 0 }, .epoch = 45, .epochs = 100, .busy = true },
    { .label = { 9, 0 } },
    { .label = { 0, 0 }, .busy = true },
};

static struct farm_progress middle(void)
{
    return (struct farm_progress){ .total = 40,
                                   .done = 12,
                                   .failed = 1,
                                   .blocked = 2,
                                   .running = 2,
                                   .epochs = 20000,
                                   .cost_total = 300,
                                   .cost_done = 100,
                                   .seat = three,
                                   .ranks = 3 };
}

static void expect(const struct farm_progress *f, double seconds, size_t columns, const char *want)
{
    struct progress p;
    progress_open(&p, label_text, NULL);
    assert_string_equal(progress_line(&p, f, p.opened + seconds, columns), want);
    progress_close(&p);
}

static void test_everything(void **state)
{
    (void)state;
    const struct farm_progress f = middle();
    expect(&f, 100, 200,
           "12/40 jobs done (1 failed, 2 blocked), 200 epochs/s, 3 min 20 s left | 0: ticket s1 45% | 2: ticket s0");
}

static void test_what_no_search_needs_is_not_blocked(void **state)
{
    (void)state;
    struct farm_progress f = middle();
    struct progress p;
    progress_open(&p, label_text, NULL);
    p.skipped = 1;
    assert_string_equal(progress_line(&p, &f, p.opened, 56), "12/40 jobs done (1 failed, 1 blocked, 1 skipped)");
    p.skipped = 2;
    f.failed = 0;
    assert_string_equal(progress_line(&p, &f, p.opened, 40), "12/40 jobs done (2 skipped)");
    progress_close(&p);
}

/* What is not known yet, or is nothing, is not said. */
static void test_only_what_is_known(void **state)
{
    (void)state;
    struct farm_progress f = { .total = 3, .ranks = 3, .seat = three };
    expect(&f, 0, 80, "0/3 jobs done");
    expect(&f, 5, 80, "0/3 jobs done");
    f.failed = 2;
    expect(&f, 5, 80, "0/3 jobs done (2 failed)");
    f.failed = 0;
    f.blocked = 1;
    expect(&f, 5, 80, "0/3 jobs done (1 blocked)");
    f = (struct farm_progress){ .total = 3, .done = 3, .epochs = 12, .cost_total = 7, .cost_done = 7 };
    expect(&f, 5, 80, "3/3 jobs done, 2.4 epochs/s");
    f = (struct farm_progress){ 0 };
    expect(&f, 5, 80, "0/0 jobs done");
}

static void test_stopping_promises_no_end(void **state)
{
    (void)state;
    struct farm_progress f = middle();
    f.stopping = true;
    f.running = 0;
    f.failed = f.blocked = 0;
    expect(&f, 100, 80, "stopping: 12/40 jobs done, 200 epochs/s");
}

static void test_narrow_terminals(void **state)
{
    (void)state;
    struct farm_progress f = middle();
    f.failed = f.blocked = 0;
    expect(&f, 100, 80, "12/40 jobs done, 200 epochs/s, 3 min 20 s left | 0: ticket s1 45% | 2: ticket s0");
    expect(&f, 100, 79, "12/40 jobs done, 200 epochs/s, 3 min 20 s left | 0: ticket s1 45% | +1");
    expect(&f, 100, 60, "12/40 jobs done, 200 epochs/s, 3 min 20 s left");
    expect(&f, 100, 10, "12/40 jobs");
    expect(&f, 100, 0, "");
}

/* Whatever the width, the line fits it and loses nothing but its end. */
static void test_every_width(void **state)
{
    (void)state;
    const struct farm_progress f = middle();
    for (size_t columns = 0; columns < 130; columns++) {
        struct progress p;
        progress_open(&p, label_text, NULL);
        assert_true(strlen(progress_line(&p, &f, p.opened + 100, columns)) <= columns);
        progress_close(&p);
    }
}

static const char *greek(void *ctx, struct farm_label label, char out[64])
{
    (void)label;
    (void)out;
    return ctx;
}

static void test_width_counts_characters(void **state)
{
    (void)state;
    const struct farm_seat seat = { .busy = true };
    const struct farm_progress f = { .total = 9, .running = 1, .seat = &seat, .ranks = 1 };
    struct progress p;
    progress_open(&p, greek, (void *)"\xCE\xBA=4");
    assert_string_equal(progress_line(&p, &f, p.opened, 22), "0/9 jobs done | 0: \xCE\xBA=4");
    assert_string_equal(progress_line(&p, &f, p.opened, 21), "0/9 jobs done");
    progress_close(&p);
}

static bool as_stored(void *ctx, struct pace *out)
{
    (void)ctx;
    *out = (struct pace){ .rate = 50, .core_seconds = 600, .seconds_left = 300 };
    return true;
}

static bool not_yet(void *ctx, struct pace *out)
{
    (void)ctx;
    *out = (struct pace){ NAN, NAN, NAN };
    return true;
}

/* What the store says is what status says; until it says anything, the farm's own count does. */
static void test_pace_is_the_stores(void **state)
{
    (void)state;
    const struct farm_progress f = { .total = 1, .running = 1, .epochs = 1000, .cost_total = 4, .cost_done = 1 };
    struct progress p;
    progress_open(&p, label_text, NULL);
    p.look = as_stored;
    assert_string_equal(progress_line(&p, &f, p.opened + 100, 80), "0/1 jobs done, 50 epochs/s, 5 min 00 s left");
    p.look = not_yet;
    assert_string_equal(progress_line(&p, &f, p.opened + 100, 80), "0/1 jobs done, 10 epochs/s, 5 min 00 s left");
    progress_close(&p);
}

/* ---- the one function that says how fast jobs go ---- */

static void test_pace_of_nothing(void **state)
{
    (void)state;
    const struct pace none = pace_of(NULL, 0);
    assert_true(isnan(none.rate) && none.core_seconds == 0 && none.seconds_left == 0);
    const struct pace_group waits = { .left = 10 }, runs = { .left = 10, .running = 1 };
    const struct pace unknown = pace_of(&waits, 1), fresh = pace_of(&runs, 1);
    assert_true(isnan(unknown.rate) && isnan(unknown.core_seconds) && isnan(unknown.seconds_left));
    assert_true(isnan(fresh.rate) && isnan(fresh.seconds_left));
}

/* Each group by its own times, a new one by those of all: 0.01 and 0.1 s an epoch, 3 s for 120 epochs. */
static void test_pace_by_groups(void **state)
{
    (void)state;
    const struct pace_group g[] = { { .epochs = 100, .seconds = 1, .left = 300, .running = 2 },
                                    { .epochs = 20, .seconds = 2, .left = 50, .running = 1 },
                                    { .left = 40 } };
    const struct pace p = pace_of(g, 3);
    assert_true(fabs(p.rate - (200 + 10)) < 1e-9);
    assert_true(fabs(p.core_seconds - (3 + 5 + 40 * 3.0 / 120)) < 1e-9);
    assert_true(fabs(p.seconds_left - (p.core_seconds / 3)) < 1e-9);
    const struct pace_group slow_first[] = { { .epochs = 1, .seconds = 100, .left = 40, .running = 1 },
                                             { .left = 400 } };
    const struct pace guess = pace_of(slow_first, 2);
    assert_true(guess.rate > 0 && isnan(guess.core_seconds) && isnan(guess.seconds_left));
    const struct pace done = pace_of((struct pace_group[]){ { .epochs = 5, .seconds = 1 } }, 1);
    assert_true(isnan(done.rate) && done.seconds_left == 0);
    const struct pace stopped = pace_of((struct pace_group[]){ { .epochs = 5, .seconds = 1, .left = 10 } }, 1);
    assert_true(isnan(stopped.rate) && isnan(stopped.seconds_left) && stopped.core_seconds == 2);
}

static void test_pace_of_rows(void **state)
{
    (void)state;
    struct pace_group g[2] = { { 0 } };
    const struct store_row row[] = {
        { .family = 0, .state = JOB_DONE, .epochs = 100, .epochs_done = 100, .seconds = 10 },
        { .family = 0, .state = JOB_RUNNING, .epochs = 100, .epochs_done = 40, .seconds = 4 },
        { .family = 0, .state = JOB_PENDING, .epochs = 100 },
        { .family = 0, .state = JOB_FAILED, .epochs = 100, .epochs_done = 10, .seconds = 1 },
        { .family = 1, .state = JOB_SKIPPED, .epochs = 100 },
        { .family = 1,
          .state = JOB_DONE,
          .epochs = 70,
          .epochs_done = 70,
          .next_state = NEXT_RUNNING,
          .next_epochs = 30 },
        { .family = 1, .state = JOB_UNUSED, .epochs = 100 },
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) pace_add(g, &row[i]);
    assert_true(g[0].epochs == 150 && g[0].seconds == 15 && g[0].left == 160 && g[0].running == 1);
    assert_true(g[1].epochs == 0 && g[1].left == 40 && g[1].running == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_what_no_search_needs_is_not_blocked),
        cmocka_unit_test(test_only_what_is_known),
        cmocka_unit_test(test_stopping_promises_no_end),
        cmocka_unit_test(test_narrow_terminals),
        cmocka_unit_test(test_every_width),
        cmocka_unit_test(test_width_counts_characters),
        cmocka_unit_test(test_pace_is_the_stores),
        cmocka_unit_test(test_pace_of_nothing),
        cmocka_unit_test(test_pace_by_groups),
        cmocka_unit_test(test_pace_of_rows),
    };
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
