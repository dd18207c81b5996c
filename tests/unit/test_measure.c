#define TOMBOLA_REAL 64
#include "engine.h"

#include "measure/measure.h"

enum { TENSORS = 3, VALUES = 1 + TENSORS };

static struct layout three_tensors(void)
{
    struct layout l = { 0 };
    LAYOUT_ADD(&l, "W", 1, 1, 2);
    LAYOUT_ADD(&l, "b", 1, 1);
    LAYOUT_ADD(&l, "U", 1, 2, 2);
    return l;
}

static int column(const char *name)
{
    for (int i = 0; measure_norms.columns[i].name; i++)
        if (!strcmp(measure_norms.columns[i].name, name)) return i;
    fail_msg("no column '%s'", name);
    return -1;
}

static void norms_are_those_of_pythagoras(void **state)
{
    (void)state;
    struct layout l = three_tensors();
    const double theta[] = { 3, -4, 12, 1, 2, -2, 4 };
    const uint8_t mask[] = { 1, 1, 0, 0, 1, 1, 0 };
    const struct {
        const char *column;
        double value[VALUES];
    } want[] = { { "l1", { 28, 7, 12, 9 } },
                 { "l2", { sqrt(25 + 144 + 25), 5, 12, 5 } },
                 { "sum_squares", { 25 + 144 + 25, 25, 144, 25 } },
                 { "sum_squares_masked", { 25 + 8, 25, 0, 8 } },
                 { "l1_masked", { 11, 7, 0, 4 } },
                 { "l2_masked", { sqrt(25 + 8), 5, 0, sqrt(8) } } };
    double value[6][VALUES], *out[6];
    for (size_t i = 0; i < 6; i++) out[i] = value[i];
    struct err e = { 0 };
    struct measure_probe p = { .at = { .layout = &l }, .theta = theta, .mask = mask };
    assert_int_equal(measure_norms.run(&p, out, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        for (size_t j = 0; j < VALUES; j++)
            close_to(value[column(want[i].column)][j], want[i].value[j], 1e-14, want[i].column);
    assert_null(measure_norms.columns[6].name);
}

static void every_value_has_a_label(void **state)
{
    (void)state;
    struct layout l = three_tensors();
    for (int i = 0; measure_norms.columns[i].name; i++) {
        struct buf text = { 0 };
        const struct measure_site at = { .layout = &l };
        assert_int_equal(measure_values(&measure_norms.columns[i], &at), VALUES);
        measure_norms.columns[i].labels(&at, &text);
        assert_string_equal(buf_chars(&text), "all,W,b,U");
        buf_release(&text);
    }
}

/* A float accumulator would stop growing at 2^24. */
static void sums_are_in_double(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct layout l = { 0 };
    const int64_t n = 20000000;
    LAYOUT_ADD(&l, "W", 1, n);
    double *theta = ARENA_NEW(&a, l.n, double);
    uint8_t *mask = ARENA_NEW(&a, l.n, uint8_t);
    for (size_t i = 0; i < l.n; i++) theta[i] = mask[i] = 1;
    double value[6][2], *out[6];
    for (size_t i = 0; i < 6; i++) out[i] = value[i];
    struct err e = { 0 };
    struct measure_probe p = { .at = { .layout = &l }, .theta = theta, .mask = mask };
    assert_int_equal(measure_norms.run(&p, out, &e), 0);
    assert_true(value[column("l1")][0] == (double)n);
    assert_true(value[column("l2_masked")][1] == sqrt((double)n));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_are_those_of_pythagoras),
        cmocka_unit_test(every_value_has_a_label),
        cmocka_unit_test(sums_are_in_double),
    };
    return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}
