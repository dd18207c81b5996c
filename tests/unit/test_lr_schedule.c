/* Floor 3: learning-rate schedules. */
#include "train/lr_schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { EPOCH = 3, STEPS = 60 }; /* of a job of 20 epochs */

static struct lr_schedule read(const char *text)
{
    struct lr_schedule s;
    struct err e = { 0 };
    if (lr_schedule_parse(&s, text, &e)) fail_msg("%s: %s", text, e.text);
    lr_schedule_clock(&s, EPOCH, STEPS);
    return s;
}

static void test_factors(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t completed;
        double factor;
    } cases[] = {
        { "[]", 0, 1 },
        { "[]", 59, 1 },
        { "[warmup 10]", 0, 0 },
        { "[warmup 10]", 3, 0.3 },
        { "[warmup 10]", 10, 1 },
        { "[warmup 2 epochs]", 3, 0.5 },
        { "[constant 4,linear 4 to 0]", 4, 1 },
        { "[constant 4,linear 4 to 0]", 5, 0.75 },
        { "[constant 4,linear 4 to 0]", 8, 0 },
        { "[constant 4,linear 4 to 0]", 50, 0 },
        { "[linear to 0.5]", 30, 0.75 },
        { "[warmup 20,linear to 0]", 40, 0.5 },
        { "[cosine 8 to 0]", 2, (1 + M_SQRT1_2) / 2 },
        { "[cosine 8 to 0]", 4, 0.5 },
        { "[cosine 8 to 0.1]", 4, 0.55 },
        { "[cosine 8 to 0.1]", 9, 0.1 },
        { "[cosine 8 to 0.5,linear 5 epochs to 1]", 8, 0.5 },
        { "[cosine 8 to 0.5,linear 4 to 1]", 10, 0.75 },
        { "[cosine to 0]", 45, (1 - M_SQRT1_2) / 2 },
        { "[drop 0.1 at 5 epochs]", 14, 1 },
        { "[drop 0.1 at 5 epochs]", 15, 0.1 },
        { "[drop 0.1 at 5 epochs]", 59, 0.1 },
        { "[drop 0.5 every 10]", 9, 1 },
        { "[drop 0.5 every 10]", 35, 0.125 },
        { "[drop 0.5 at 20,linear to 0,drop 0.5 at 40]", 45, 0.0625 },
        { "[warmup 10,drop 0.5 at 5]", 6, 0.3 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct lr_schedule s = read(cases[i].text);
        const double found = lr_schedule_factor(&s, cases[i].completed);
        if (!(fabs(found - cases[i].factor) < 1e-14))
            fail_msg("%s after %d steps: %.17g", cases[i].text, (int)cases[i].completed, found);
    }
}

/* The key `warmup` as it always was, to the last bit. */
static void test_key(void **state)
{
    (void)state;
    const struct lr_schedule s = { .warmup = 7 };
    for (int64_t t = 1; t < 20; t++) assert_true(lr_schedule_factor(&s, t - 1) == (t <= 7 ? (double)(t - 1) / 7 : 1));
}

static void test_canonical(void **state)
{
    (void)state;
    const struct {
        const char *text, *canonical;
    } cases[] = {
        { "", "[]" },
        { "warmup 10", "[warmup 10]" },
        { "[ cosine  1e3   to .10 , drop 5e-1 at 3 epoch]", "[cosine 1000 to 0.1,drop 0.5 at 3 epochs]" },
        { "constant 5 steps, linear to 0", "[constant 5,linear to 0]" },
        { "[drop 0.97 every 1 epochs]", "[drop 0.97 every 1 epochs]" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char canonical[LR_SCHEDULE_TEXT], again[LR_SCHEDULE_TEXT];
        struct err e = { 0 };
        assert_int_equal(lr_schedule_check(cases[i].text, canonical, sizeof canonical, &e), 0);
        assert_string_equal(canonical, cases[i].canonical);
        assert_int_equal(lr_schedule_check(canonical, again, sizeof again, &e), 0);
        assert_string_equal(again, canonical);
    }
}

static void test_share(void **state)
{
    (void)state;
    const struct {
        const char *text, *left;
        int64_t warmup;
    } cases[] = {
        { "[]", "[]", 0 },
        { "[warmup 10]", "[]", 10 },
        { "[warmup 10,cosine to 0]", "[cosine to 0]", 10 },
        { "[warmup 10 epochs,cosine to 0]", "[warmup 10 epochs,cosine to 0]", 0 },
        { "[drop 0.1 at 10]", "[drop 0.1 at 10]", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[LR_SCHEDULE_TEXT];
        int64_t warmup = 0;
        struct err e = { 0 };
        memcpy(text, cases[i].text, strlen(cases[i].text) + 1);
        assert_int_equal(lr_schedule_share(&warmup, text, &e), 0);
        assert_string_equal(text, cases[i].left);
        assert_int_equal(warmup, cases[i].warmup);
    }
    char twice[] = "[warmup 3]";
    int64_t warmup = 5;
    struct err e = { 0 };
    assert_int_equal(lr_schedule_share(&warmup, twice, &e), -1);
    assert_non_null(strstr(e.text, "leave one of the two out"));
}

static void test_errors(void **state)
{
    (void)state;
    const struct {
        const char *text, *error;
    } cases[] = {
        { "[cosin 10 to 0]", "'cosin 10 to 0' is no part of a schedule; allowed: warmup N, constant N," },
        { "[warmup 0]", "'warmup 0' is no part" },
        { "[warmup 1e10]", "'warmup 1e10' is no part" },
        { "[warmup 1.5]", "'warmup 1.5' is no part" },
        { "[warmup 10 weeks]", "'warmup 10 weeks' is no part" },
        { "[linear 5 to -1]", "'linear 5 to -1' is no part" },
        { "[linear 5 to nan]", "'linear 5 to nan' is no part" },
        { "[linear 5 to 0 now]", "'linear 5 to 0 now' is no part" },
        { "[drop 0.1]", "'drop 0.1' is no part" },
        { "[drop 0.1 at 3,,drop 0.1 at 5]", "'' is no part" },
        { "[a b c d e f g h i j k]", "is no part" },
        { "[wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww 10]", "is no part" },
        { "[cosine to 0,constant 5]", "what comes before 'constant 5' lasts to the end of the job" },
        { "[constant 5,warmup 5]", "a warm-up stands first" },
        { "[warmup 5]x", "'x' stands behind the end" },
        { "[drop 0.75 at 100 epochs,drop 0.75 at 200 epochs,drop 0.75 at 300 epochs,drop 0.75 at 400 epochs,drop "
          "0.75 "
          "at 500 epochs,drop 0.75 at 600 epochs]",
          "a schedule of more than 127 characters" },
        { "[drop 1 at 1,drop 1 at 1,drop 1 at 1,drop 1 at 1,drop 1 at 1,drop 1 at 1,drop 1 at 1,drop 1 at 1,drop 1 "
          "at 1,"
          "drop 1 at 1,drop 1 at 1,drop 1 at 1,drop 1 at 1,drop 1 at 1,drop 1 at 1,drop 1 at 1,drop 1 at 1]",
          "a schedule of more than 16 parts" },
        { "1,2,3", "'1' is no part" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char canonical[LR_SCHEDULE_TEXT];
        struct err e = { 0 };
        if (!lr_schedule_check(cases[i].text, canonical, sizeof canonical, &e))
            fail_msg("'%s' is read", cases[i].text);
        assert_int_equal(e.kind, ERR_SPEC);
        if (!strstr(e.text, cases[i].error)) fail_msg("'%s' gave: %s", cases[i].text, e.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_factors), cmocka_unit_test(test_key),    cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_share),   cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests_name("lr_schedule", tests, NULL, NULL);
}
