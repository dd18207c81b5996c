/* Stop rules: texts, what is wrong with one, and where they come on curves. */
#include "base/column.h"
#include "job/ending.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void texts(void **state)
{
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        { "[]", "" },
        { "gen+2000", "gen + 2000" },
        { "[gen + 2000, train_loss<1e-6]", "gen + 2000, train_loss < 1e-06" },
        { "[train_loss < 1e-6,  gen + 2000]", "train_loss < 1e-06, gen + 2000" },
        { "test_accuracy>.95 for 2000 epochs", "test_accuracy > 0.95 for 2000 epochs" },
        { "test_accuracy > 0.95 for 1 epoch", "test_accuracy > 0.95 for 1 epochs" },
        { "[max(mem, 1000), max(mem,1000)]", "max(mem, 1000)" },
        { "not (test_loss > train_loss + 1) and train_loss < 1",
          "not (test_loss > train_loss + 1) and train_loss < 1" },
        { "300", "300" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char first[STORE_STOP], again[STORE_STOP];
        struct err e = { 0 };
        if (stop_check(cases[i].text, first, sizeof first, &e) || stop_check(first, again, sizeof again, &e))
            fail_msg("%s: %s", cases[i].text, e.text);
        assert_string_equal(first, cases[i].canonical);
        assert_string_equal(again, first);
    }
}

static void wrong_texts(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "gne + 5", "column 1: found 'gne'" },
        { "test_acuracy > 0.5", "did you mean 'test_accuracy'" },
        { "test_accuracy", "found 'test_accuracy'" },
        { "train_loss + gen", "found 'train_loss'" },
        { "gen + 5 > 3", "mem and gen stand in rules of their own" },
        { "gen for 20 epochs", "a condition holds for some epochs" },
        { "test_loss < 1 for 0 epochs", "behind 'for' must stand how long" },
        { "test_loss < 1 for ever", "behind 'for' must stand how long" },
        { "test_loss < 1 for 20 weeks", "behind 'for' must stand how long" },
        { "test_loss < 1 for -3 epochs", "behind 'for' must stand how long" },
        { "[1, 2, 3, 4, 5, 6, 7, 8, 9]", "more than 8 rules" },
        { "test_loss < 1 and test_loss < 2 and test_loss < 3 and test_loss < 4 and test_loss < 5",
          "longer than 63 characters" },
        { "[train_loss < 0.12345678901 and train_loss < 0.1234567890123, test_loss < 0.12345678901 and test_loss < "
          "0.1234567890123, test_loss < 3]",
          "'stop' is longer than 127 characters" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char canonical[STORE_STOP];
        struct err e = { 0 };
        if (!stop_check(cases[i].text, canonical, sizeof canonical, &e)) fail_msg("'%s' is taken", cases[i].text);
        if (!strstr(e.text, cases[i].why)) fail_msg("'%s': %s", cases[i].text, e.text);
    }
}

static void in_a_job(void **state)
{
    char text[STORE_STOP] = "0.5*final, gen + final";
    struct err e = { 0 };
    (void)state;
    assert_int_equal(stop_resolve(text, (struct count){ 300, false }, 1, false, &e), 0);
    assert_string_equal(text, "150, gen + 300");
    char early[STORE_STOP] = "gen - 5", accuracy[STORE_STOP] = "train_loss < 1, test_accuracy > 0.5";
    assert_int_equal(stop_resolve(early, (struct count){ 300, false }, 1, false, &e), -1);
    assert_non_null(strstr(e.text, "stop is gen - 5, which can lie before"));
    e = (struct err){ 0 };
    assert_int_equal(stop_resolve(accuracy, (struct count){ 300, false }, 1, true, &e), -1);
    assert_non_null(strstr(e.text, "a regression has no accuracy"));
}

/* An accuracy and a loss at epochs 0, 10, 20, ...; those between are of another judge. */
struct evaluation {
    double accuracy, loss;
};

static int64_t end_of(const char *stop, const struct evaluation *at, size_t count, const char **by)
{
    static struct ending g;
    const int64_t last = 10 * ((int64_t)count - 1);
    const struct judge judge = { { 10, false }, 0.9 };
    const struct watch w = { .epochs = last, .judge = { judge }, .judges = 1 };
    ending_open(&g, &w, &judge, stop);
    for (int64_t epoch = 0; epoch <= last; epoch += 5) {
        const struct evaluation *e = &at[epoch / 10];
        const bool between = epoch % 10 != 0;
        const double value[STOP_VALUES] = { between ? 0 : e->loss, between ? 1 : e->accuracy, between ? 0 : e->loss,
                                            between ? 1 : e->accuracy };
        ending_see(&g, epoch, value);
    }
    *by = g.by;
    return g.epoch;
}

static void along_curves(void **state)
{
    static const struct evaluation at[] = { { 0.1, 4 },    { 0.5, 2 },           { 0.95, 1 },   { 0.96, 0.8 },
                                            { 0.4, 0.9 },  { 0.97, 0.5 },        { 0.98, 1 },   { 0.99, 0.3 },
                                            { 0.99, 0.2 }, { (double)NAN, 0.2 }, { 0.99, 0.1 }, { 0.99, 0.1 } };
    static const struct {
        const char *stop;
        int64_t end;
        const char *by;
    } cases[] = {
        { "", 110, "" },
        { "gen", 20, "gen" },
        { "gen + 5", 30, "gen + 5" },
        { "mem + gen", 40, "mem + gen" },
        { "15", 20, "15" },
        { "test_accuracy > 0.9", 20, "test_accuracy > 0.9" },
        { "test_accuracy > 0.9 for 10 epochs", 30, "test_accuracy > 0.9 for 10 epochs" },
        { "test_accuracy > 0.9 for 20 epochs", 70, "test_accuracy > 0.9 for 20 epochs" }, /* it dips at 40 */
        { "test_accuracy > 0.9 for 30 epochs", 80, "test_accuracy > 0.9 for 30 epochs" },
        { "test_accuracy > 0.9 for 40 epochs", 110, "" }, /* no number at 90 */
        { "train_loss < 0.6, gen + 35", 50, "train_loss < 0.6" },
        { "gen + 25, train_loss < 0.6", 50, "gen + 25" },
        { "train_loss < 0.6, gen + 25", 50, "train_loss < 0.6" }, /* both at once: the first */
        { "train_loss < 0.01", 110, "" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *by;
        const int64_t end = end_of(cases[i].stop, at, ARRAY_LEN(at), &by);
        if (end != cases[i].end || strcmp(by, cases[i].by) != 0)
            fail_msg("'%s' ends at %lld by '%s'", cases[i].stop, (long long)end, by);
    }
}

/* What is handed out is what was planned. */
static void lists(void **state)
{
    struct arena a = { 0 };
    struct watch w = { .epochs = 100, .judge = { { { 10, false }, 0.1 } }, .judges = 1 };
    struct err e = { 0 };
    (void)state;
    assert_int_equal(watch_set_stop(&w, "gen + 5, train_loss < 0.3", &a, &e), 0);
    for (int i = 0; i < 2; i++) watch_train_to(&w, &(struct judge){ { 20, false }, 1e-3 }, "gen + 70", &a);
    assert_int_equal(w.ends, 2);
    struct buf text = { 0 };
    endings_print(&w, &text);
    struct ending *end;
    assert_int_equal(endings_read(&end, buf_chars(&text), &w, &a), 2);
    assert_string_equal(end[0].text, "gen + 5, train_loss < 0.3");
    assert_int_equal(end[1].judge.eval_every.number, 20);
    assert_true(end[1].judge.threshold == 1e-3);
    assert_false(endings_over(end, 2));
    end[0].epoch = end[1].epoch = 50;
    assert_true(endings_over(end, 2) && !endings_over(end, 0));
    watch_train_to(&w, &w.judge[0], "", &a);
    watch_train_to(&w, &w.judge[0], "gen + 6", &a); /* to its length is further */
    assert_int_equal(w.ends, 3);
    buf_release(&text);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(texts), cmocka_unit_test(wrong_texts),
                                        cmocka_unit_test(in_a_job), cmocka_unit_test(along_curves),
                                        cmocka_unit_test(lists) };
    return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
