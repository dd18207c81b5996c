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
static int64_t come(const struct moment *m, int64_t mem, int64_t gen, int64_t final)
{
    int64_t due = -2, shown = -1;
    for (int64_t epoch = 0; epoch <= final; epoch++) {
        const struct moment_known known = { { mem <= epoch ? mem : -1, gen <= epoch ? gen : -1 } };
        const int64_t now = moment_epoch(m, &known);
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
        const bool good = !moment_resolve(&m, "t", FINAL, &e);
        if (good != cases[i].good) fail_msg("'%s': %s", cases[i].text, good ? "taken" : e.text);
        for (int64_t mem = 0; good && mem <= FINAL + 1; mem++)
            for (int64_t gen = 0; gen <= FINAL + 1; gen++)
                if (come(&m, mem, gen, FINAL) == -1) fail_msg("'%s' at %d, %d", cases[i].text, (int)mem, (int)gen);
    }
}

/* Formulas drawn at random: whatever is taken is in time. */
static void print_random(struct rng *rng, int depth, struct buf *out)
{
    static const char *const leaf[] = { "mem", "gen", "final", "7", "20", "0.5", "3" };
    static const char *const between[] = { " + ", " - ", "*", "/" };
    const uint32_t draw = rng_u32(rng) % 8;
    if (depth == 0 || draw == 0) {
        buf_text(out, leaf[rng_u32(rng) % ARRAY_LEN(leaf)]);
        return;
    }
    buf_text(out, draw == 1 ? "max(" : draw == 2 ? "min(" : "(");
    print_random(rng, depth - 1, out);
    buf_text(out, draw <= 2 ? ", " : between[draw % ARRAY_LEN(between)]);
    print_random(rng, depth - 1, out);
    buf_text(out, ")");
}

static void random_formulas(void **state)
{
    enum { FORMULAS = 20000, FINAL = 24 };
    struct rng rng = rng_open(1, "moments");
    size_t taken = 0, refused = 0;
    (void)state;
    for (int i = 0; i < FORMULAS; i++) {
        struct buf text = { 0 };
        struct moment m;
        struct err e = { 0 };
        print_random(&rng, 3, &text);
        const bool read = !field_set(&field, &m, buf_chars(&text), &e);
        const bool good = read && !moment_resolve(&m, "t", FINAL, &e) && moment_is_rule(&m);
        taken += good;
        refused += read && !good;
        for (int64_t mem = 0; good && mem <= FINAL + 1; mem++)
            for (int64_t gen = 0; gen <= FINAL + 1; gen++)
                if (come(&m, mem, gen, FINAL) == -1) fail_msg("'%s' at %d, %d", m.text, (int)mem, (int)gen);
        buf_release(&text);
    }
    assert_true(taken > FORMULAS / 50 && refused > FORMULAS / 50);
}

static void of_a_job(void **state)
{
    struct err e = { 0 };
    struct moment m = read_moment("0.5*final");
    (void)state;
    assert_int_equal(moment_resolve(&m, "t", 301, &e), 0);
    assert_string_equal(m.text, "151");
    m = read_moment("gen + 0.5 * final");
    assert_int_equal(moment_resolve(&m, "t", 300, &e), 0);
    assert_string_equal(m.text, "gen + 0.5*300");
    assert_int_equal(moment_epoch(&m, &(struct moment_known){ { 10, 20 } }), 170);
    assert_int_equal(moment_epoch(&m, &(struct moment_known){ { 10, -1 } }), COLUMN_NO_INT);
    m = read_moment("gen + 400");
    assert_int_equal(moment_resolve(&m, "t", 300, &e), -1);
    assert_non_null(strstr(e.text, "t is gen + 400, 400 or later, but the parent trains for 300 epochs"));
    m = read_moment("gen - 400");
    e = (struct err){ 0 };
    assert_int_equal(moment_resolve(&m, "t", 300, &e), -1);
    assert_non_null(strstr(e.text, "t is gen - 400, which can lie before the evaluation that shows it"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),           cmocka_unit_test(wrong_texts), cmocka_unit_test(in_time),
        cmocka_unit_test(random_formulas), cmocka_unit_test(of_a_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
