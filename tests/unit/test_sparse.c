#include "base/err.h"
#include "base/rng.h"
#include "num/real.h"
#include "num/sparse.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 300 * 128, LANES = 64 / sizeof(real), UNTOUCHED = 7 };
static real w[MOST], a[MOST], b[MOST], out[MOST + 1], dw[MOST + 1];
static uint8_t mask[MOST];

/* A matrix of w, as rows or as columns of what is stored. */
struct shape {
    size_t rows, columns, n;
    bool turned;
    double kept;
};

static size_t place(const struct shape *s, size_t r, size_t c)
{
    return s->turned ? c * s->rows + r : r * s->columns + c;
}

static void fill(real *x, const char *stream)
{
    struct rng r = rng_open(1, stream);
    for (size_t i = 0; i < MOST; i++) x[i] = (real)rng_normal(&r);
}

static void agree(double got, double want, double size, const char *what)
{
    const double tolerance = (sizeof(real) == sizeof(double) ? 1e-15 : 5e-7) * (1 + size);
    if (!(fabs(got - want) <= tolerance)) fail_msg("%s: got %.17g, want %.17g", what, got, want);
}

/* The plain twins: three loops, in double. */
static void check_product(const struct shape *s)
{
    for (size_t r = 0; r < s->rows; r++)
        for (size_t j = 0; j < s->n; j++) {
            double want = 0, size = 0;
            for (size_t c = 0; c < s->columns; c++) {
                const double term = mask[place(s, r, c)] ? (double)w[place(s, r, c)] * (double)b[c * s->n + j] : 0;
                want += term;
                size += fabs(term);
            }
            agree((double)out[r * s->n + j], want, size, "product");
        }
    assert_true(out[s->rows * s->n] == UNTOUCHED);
}

static void check_gradient(const struct shape *s)
{
    for (size_t r = 0; r < s->rows; r++)
        for (size_t c = 0; c < s->columns; c++) {
            double want = 0, size = 0;
            for (size_t j = 0; j < s->n; j++) {
                const double term = (double)a[r * s->n + j] * (double)b[c * s->n + j];
                want += term;
                size += fabs(term);
            }
            if (mask[place(s, r, c)])
                agree((double)dw[place(s, r, c)], want, size, "gradient");
            else
                assert_true(dw[place(s, r, c)] == UNTOUCHED);
        }
}

/* ---- the order of the operations, one number at a time ---- */

static real product_in_order(const struct shape *s, size_t r, size_t j, bool even_and_odd)
{
    real whole = 0;
    for (size_t from = 0; from < s->columns; from += SPARSE_BLOCK) {
        real sum[2] = { 0, 0 };
        size_t kept = 0;
        for (size_t c = from; c < s->columns && c < from + SPARSE_BLOCK; c++)
            if (mask[place(s, r, c)]) sum[even_and_odd ? kept++ % 2 : 0] += w[place(s, r, c)] * b[c * s->n + j];
        whole = (even_and_odd ? sum[0] + sum[1] : sum[0]) + (from ? whole : 0);
    }
    return whole;
}

static real lanes_in_order(const real *x, const real *y, size_t lines)
{
    real lane[LANES];
    for (size_t l = 0; l < LANES; l++) {
        lane[l] = x[l] * y[l];
        for (size_t i = 1; i < lines; i++) lane[l] += x[i * LANES + l] * y[i * LANES + l];
    }
    for (size_t n = LANES / 2; n > 0; n /= 2)
        for (size_t l = 0; l < n; l++) lane[l] = lane[2 * l] + lane[2 * l + 1];
    return lane[0];
}

static real gradient_in_order(const struct shape *s, size_t r, size_t c)
{
    enum { WIDE = 3 };
    const real *x = a + r * s->n, *y = b + c * s->n;
    real whole = 0;
    for (size_t j = 0, lines; j < s->n; j += lines * LANES) {
        lines = j + WIDE * LANES <= s->n ? WIDE : 1;
        const real panel = lanes_in_order(x + j, y + j, lines);
        whole = j ? whole + panel : panel;
    }
    return whole;
}

static void same(real got, real want, const char *level, const char *what)
{
    if (memcmp(&got, &want, sizeof got)) fail_msg("%s, %s: got %a, want %a", level, what, (double)got, (double)want);
}

static void check_order(const struct shape *s, const char *level, bool of_gradient)
{
    for (size_t r = 0; r < s->rows; r++) {
        for (size_t j = 0; j < s->n; j++)
            same(out[r * s->n + j], product_in_order(s, r, j, !of_gradient), level,
                 of_gradient ? "product beside a gradient" : "product");
        for (size_t c = 0; c < s->columns && of_gradient; c++)
            same(dw[place(s, r, c)], mask[place(s, r, c)] ? gradient_in_order(s, r, c) : UNTOUCHED, level,
                 "gradient");
    }
}

static void forget(void)
{
    for (size_t i = 0; i <= MOST; i++) out[i] = dw[i] = UNTOUCHED;
}

static void check_levels(const struct shape *s, const struct sparse *sparse)
{
    for (const struct sparse_level *level = sparse_levels; level->name; level++) {
        if (!level->runs()) continue;
        forget();
        level->multiply(out, sparse, w, b, s->n);
        check_order(s, level->name, false);
        forget();
        level->gradient(out, dw, sparse, w, a, b, s->n);
        check_order(s, level->name, true);
    }
}

static void check(const struct shape *s)
{
    struct arena arena = { 0 };
    struct rng r = rng_open(2, "mask");
    assert_true(sparse_fits(s->n) && s->rows * s->n <= MOST && s->columns * s->n <= MOST);
    for (size_t i = 0; i < s->rows * s->columns; i++) mask[i] = rng_uniform(&r) < s->kept;
    forget();
    const struct sparse shape = { .rows = s->rows,
                                  .columns = s->columns,
                                  .row_step = s->turned ? 1 : s->columns,
                                  .column_step = s->turned ? s->rows : 1 };
    const struct sparse sparse = sparse_open(shape, mask, &arena);
    sparse_multiply(out, &sparse, w, b, s->n);
    check_product(s);
    for (size_t i = 0; i < s->rows * s->n; i++) out[i] = (real)NAN; /* must not be read */
    sparse_gradient(out, dw, &sparse, w, a, b, s->n);
    check_product(s);
    check_gradient(s);
    check_levels(s, &sparse);
    arena_release(&arena);
}

static void products_are_those_of_the_plain_loops(void **state)
{
    (void)state;
    static const size_t sizes[][3] = { { 1, 1, 1 },   { 3, 7, 3 },   { 50, 67, 3 }, { 67, 128, 4 },
                                       { 5, 129, 2 }, { 9, 300, 5 }, { 70, 1, 7 } }; /* lines of columns */
    static const double kept[] = { 0, 0.02, 0.4, 0.9, 1 };
    fill(w, "w");
    fill(a, "a");
    fill(b, "b");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (size_t k = 0; k < ARRAY_LEN(kept); k++)
            for (int turned = 0; turned < 2; turned++)
                check(&(const struct shape){ sizes[i][0], sizes[i][1], LANES * sizes[i][2], turned, kept[k] });
}

static void the_last_level_runs_everywhere(void **state)
{
    (void)state;
    const struct sparse_level *level = sparse_levels;
    while (level[1].name) level++;
    assert_true(level->runs());
}

static void only_whole_registers_fit(void **state)
{
    (void)state;
    assert_true(sparse_fits(48) && sparse_fits(LANES) && !sparse_fits(LANES + 1) && !sparse_fits(LANES - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_those_of_the_plain_loops),
        cmocka_unit_test(the_last_level_runs_everywhere),
        cmocka_unit_test(only_whole_registers_fit),
    };
    return cmocka_run_group_tests_name("sparse", tests, NULL, NULL);
}
