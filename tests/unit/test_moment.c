/* Moments: texts, numbers, and what may lie before the evaluation that shows it. */
#include "base/column.h"
#include "base/rng.h"
#include "job/moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct field field = { .key = "t", MOMENT_FIELD };

static struct moment read_moment(const char *text)
{
    struct moment m;
    struct err e = { 0 };
    if (field_set(&field, &m, text, &e)) fail_msg("%s", e.text);
    return m;
}

static void texts(void **state)
{
    static const struct {
        const char *text, *canonical;
        int64_t epoch;
    } cases[] = {
        { "2000", "2000", 2000 }, { "1e3", "1000", 1000 },      { "mem", "mem", -1 },
        { "gen", "gen", -1 },     { "final", "final", -1 },     { "gen+4000", "gen + 4000", -1 },
        { "10 / 4", "3", 3 },     { "0.1 * 3000", "300", 300 }, { "max( mem,1000 )", "max(mem, 1000)", -1 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct moment m = read_moment(cases[i].text);
        struct buf out = { 0 };
        field_print(&field, &m, &out);
        assert_string_equal(buf_chars(&out), cases[i].canonical);
        assert_int_equal(m.epoch, cases[i].epoch);
        assert_int_equal(moment_is_rule(&m), cases[i].epoch < 0);
        buf_release(&out);
    }
    assert_false(moment_is_rule(&moment_none));
    const struct moment gen = read_moment("gen"), more = read_moment("gen + 1");
    assert_int_equal(moment_alone(&gen), MOMENT_GEN);
    assert_int_equal(moment_alone(&more), MOMENT_NAMES);
    assert_true(moment_uses(&more, MOMENT_GEN) && !moment_uses(&more, MOMENT_MEM));
}

static void wrong_texts(void **state)
{
    static const char *const wrong[] = { "-1",
                                         "2.5",
                                         "0/0",
                                         "1e16",
                                         "gne",
                                         "gen > 3",
                                         "gen + 5 if mem else 3",
                                         "gen %% 2",
                                         "",
                                         "gen +",
                                         "max(gen, mem, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)" };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct moment m;
        struct err e = { 0 };
        if (!field_set(&field, &m, wrong[i], &e)) fail_msg("'%s' was taken", wrong[i]);
        assert_non_null(strstr(e.text, "t "));
    }
}

/* The epoch at which a child would see the weights, by what is known from evaluation to evaluation; -1: it would have
 * been too late, -2: it never comes. */
static int64_t come(const struct moment *m, int64_t mem, int64_t gen, int64_t final, clock_steps clock)
{
    int64_t due = -2, shown = -1;
    for (int64_t epoch = 0; epoch <= final; epoch++) {
        const struct moment_known known = { { mem <= epoch ? mem : -1, gen <= epoch ? gen : -1 } };
        const int64_t now = moment_place(m, &known, clock, false);
        if (now < 0 || now == shown) continue;
        if (due != -2 && due < epoch) return -1; /* it was there already, and is another now */
        if (now < epoch) return -1;
        shown = due = now;
    }
    return due > final ? -2 : due;
}

/* What is taken is never too late, for any mem and gen; what is refused is, for some, or nobody can tell. */
static void in_time(void **state)
{
    enum { FINAL = 60 };
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        { "mem", true },
        { "gen + 20", true },
        { "gen + 20 - 20", true },
        { "2 * mem", true },
        { "mem + gen", true },
        { "max(mem, 30)", true },
        { "min(gen, 30)", true },
        { "min(gen, 30) + 5", true },
        { "min(gen + 10, mem + 20, 40)", true },
        { "max(min(gen, 30), mem)", true },
        { "(gen + final) / 2", true },
        { "gen + (final - gen) / 2", true },
        { "ceil(gen / 7) * 7", false }, /* it is, but bounds of its parts do not say so */
        { "max(gen + 0.5 * (gen - mem), mem, gen)", true },
        { "ceil(gen + 0.5)", true },
        { "gen - 1", false },
        { "0.5 * gen", false },
        { "(mem + gen) / 2", false },
        { "mem + 0.5 * gen", false },
        { "gen + 0.5 * (gen - mem)", false },
        { "max(gen - 10, mem)", false },
        { "min(gen, 30) - 1", false },
        { "final - gen", false },
        { "-gen", false },
        { "sqrt(gen)", false },
        { "gen ^ 2", false },
        { "1 / gen", false },
        { "mem * gen", false },
        { "gen / 0", false },
        { "min(gen, 0 - 5)", false },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct moment m = read_moment(cases[i].text);
        struct err e = { 0 };
        const bool good = !moment_resolve(&m, "t", (struct count){ FINAL, false }, 1, &e);
        if (good != cases[i].good) fail_msg("'%s': %s", cases[i].text, good ? "taken" : e.text);
        for (int64_t mem = 0; good && mem <= FINAL + 1; mem++)
            for (int64_t gen = 0; gen <= FINAL + 1; gen++)
                if (come(&m, mem, gen, FINAL, 0) == -1) fail_msg("'%s' at %d, %d", cases[i].text, (int)mem, (int)gen);
    }
}

/* Formulas drawn at random: whatever is taken is in time. */
static void print_random(struct rng *rng, int depth, bool steps, struct buf *out)
{
    static const char *const leaf[] = { "mem", "gen", "final", "3", "8", "0.5", "2", "4 steps" };
    static const char *const between[] = { " + ", " - ", "*", "/" };
    const uint32_t draw = rng_u32(rng) % 8;
    if (depth == 0 || draw == 0) {
        buf_text(out, leaf[rng_u32(rng) % (ARRAY_LEN(leaf) - !steps)]);
        return;
    }
    buf_text(out, draw == 1 ? "max(" : draw == 2 ? "min(" : "(");
    print_random(rng, depth - 1, steps, out);
    buf_text(out, draw <= 2 ? ", " : between[draw % ARRAY_LEN(between)]);
    print_random(rng, depth - 1, steps, out);
    buf_text(out, ")");
}

/* Of a job of so many epochs, or of so many steps, of which three make an epoch. */
static void try_random(clock_steps clock)
{
    enum { FORMULAS = 3000, FINAL = 10 };
    struct rng rng = rng_open(1, "moments");
    size_t taken = 0, refused = 0;
    for (int i = 0; i < FORMULAS; i++) {
        struct buf text = { 0 };
        struct moment m;
        struct err e = { 0 };
        print_random(&rng, 3, clock != 0, &text);
        const bool read = !field_set(&field, &m, buf_chars(&text), &e);
        const bool good = read &&
                          !moment_resolve(&m, "t", (struct count){ FINAL, clock != 0 }, clock_epoch(clock), &e) &&
                          moment_is_rule(&m);
        taken += good;
        refused += read && !good;
        for (int64_t mem = 0; good && mem <= FINAL + 1; mem++)
            for (int64_t gen = 0; gen <= FINAL + 1; gen++)
                if (come(&m, mem, gen, FINAL, clock) == -1) fail_msg("'%s' at %d, %d", m.text, (int)mem, (int)gen);
        buf_release(&text);
    }
    assert_true(taken > FORMULAS / 50 && refused > FORMULAS / 50);
}

static void random_formulas(void **state)
{
    (void)state;
    try_random(0);
    try_random(3);
}

static const char *resolved(const char *text, struct count final, int64_t epoch_steps)
{
    static struct moment m;
    struct err e = { 0 };
    m = read_moment(text);
    assert_int_equal(moment_resolve(&m, "t", final, epoch_steps, &e), 0);
    return m.text;
}

/* What is a whole number of epochs is called so, and everything else is put on the clock. */
static void in_steps(void **state)
{
    const struct count final = { 803, true };
    struct moment m;
    (void)state;
    assert_string_equal(resolved("800 steps", final, 8), "100");
    assert_string_equal(resolved("100 epochs", final, 8), "100");
    assert_string_equal(resolved("1 step", final, 8), "1 step");
    assert_string_equal(resolved("1 step", final, 1), "1");
    assert_string_equal(resolved("100 + 3 steps", final, 8), "803 steps");
    assert_string_equal(resolved("final", final, 8), "803 steps");
    assert_string_equal(resolved("0.5*final", final, 8), "402 steps");
    assert_string_equal(resolved("gen+1 steps", final, 8), "gen + 1 step");
    assert_string_equal(resolved("500  steps", final, 8), "500 steps");
    m = read_moment("gen + 2000 steps");
    assert_true(moment_in_steps(&m));
    assert_int_equal(moment_place(&m, &(struct moment_known){ { -1, 24 } }, 8, true), 2024);
    m = read_moment("gen + 2.5");
    assert_false(moment_in_steps(&m));
    assert_int_equal(moment_place(&m, &(struct moment_known){ { -1, 24 } }, 8, true), 48);
    assert_int_equal(moment_place(&m, &(struct moment_known){ { -1, 25 } }, 8, false), 45);
    m = read_moment("3 steps");
    assert_int_equal(moment_place(&m, &(struct moment_known){ { -1, -1 } }, 0, true), COLUMN_NO_INT);
}

static void of_a_job(void **state)
{
    struct err e = { 0 };
    struct moment m = read_moment("0.5*final");
    (void)state;
    assert_int_equal(moment_resolve(&m, "t", (struct count){ 301, false }, 1, &e), 0);
    assert_string_equal(m.text, "151");
    m = read_moment("gen + 0.5 * final");
    assert_int_equal(moment_resolve(&m, "t", (struct count){ 300, false }, 1, &e), 0);
    assert_string_equal(m.text, "gen + 0.5*300");
    assert_int_equal(moment_place(&m, &(struct moment_known){ { 10, 20 } }, 0, true), 170);
    assert_int_equal(moment_place(&m, &(struct moment_known){ { 10, -1 } }, 0, true), COLUMN_NO_INT);
    m = read_moment("gen + 400");
    assert_int_equal(moment_resolve(&m, "t", (struct count){ 300, false }, 1, &e), 0);
    assert_true(moment_is_beyond(&m, 0, 300) && !moment_is_beyond(&m, 0, 400));
    m = read_moment("gen - 400");
    e = (struct err){ 0 };
    assert_int_equal(moment_resolve(&m, "t", (struct count){ 300, false }, 1, &e), -1);
    assert_non_null(strstr(e.text, "t is gen - 400, which can lie before the evaluation that shows it"));
}

static void lists(void **state)
{
    char canonical[100];
    struct err e = { 0 };
    struct moment m;
    (void)state;
    assert_int_equal(moment_list_check("[gen+5, 30, max(mem, 7), 4, 30, gen + 5]", canonical, sizeof canonical, &e),
                     0);
    assert_string_equal(canonical, "[4,30,gen + 5,max(mem, 7)]");
    const char *s = canonical;
    size_t count = 0;
    while (moment_list_next(&s, &m)) count++;
    assert_int_equal(count, 4);
    assert_string_equal(m.text, "max(mem, 7)");
    assert_int_equal(moment_list_check("7", canonical, sizeof canonical, &e), 0);
    assert_string_equal(canonical, "[7]");
    assert_int_equal(moment_list_check("[]", canonical, sizeof canonical, &e), 0);
    assert_string_equal(canonical, "[]");
    assert_int_equal(moment_list_check("[1, gne]", canonical, sizeof canonical, &e), -1);
    assert_non_null(strstr(e.text, "at 'gne', column 1: found 'gne'"));
    struct buf many = { 0 };
    e = (struct err){ 0 };
    for (int i = 0; i < 300; i++) buf_print(&many, "%d,", i);
    assert_int_equal(moment_list_check(buf_chars(&many), canonical, sizeof canonical, &e), -1);
    assert_non_null(strstr(e.text, "'at' has more than 256 moments"));
    buf_cut(&many, 400);
    e = (struct err){ 0 };
    assert_int_equal(moment_list_check(buf_chars(&many), canonical, sizeof canonical, &e), -1);
    assert_non_null(strstr(e.text, "'at' is longer than 99 characters"));
    buf_release(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),           cmocka_unit_test(wrong_texts), cmocka_unit_test(in_time),
        cmocka_unit_test(random_formulas), cmocka_unit_test(of_a_job),    cmocka_unit_test(in_steps),
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
