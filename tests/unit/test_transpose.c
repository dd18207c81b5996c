#include "base/arena.h"
#include "base/err.h"
#include "base/rng.h"
#include "num/real.h"
#include "num/transpose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SPARE = 5 }; /* elements between lines, which nobody may touch */

static const uint32_t *order_of(size_t n, struct arena *a)
{
    uint32_t *order = ARENA_NEW(a, n, uint32_t);
    struct rng r = rng_open(n, "order");
    for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
    rng_shuffle(&r, order, n);
    return order;
}

static void check(size_t rows, size_t columns, bool in_order, bool out_order)
{
    struct arena a = { 0 };
    struct transpose t = { rows, columns, rows + SPARE, columns + SPARE, NULL, NULL };
    real *in = ARENA_NEW(&a, rows * t.in_line, real), *out = ARENA_NEW(&a, columns * t.out_line, real);
    for (size_t i = 0; i < rows * t.in_line; i++) in[i] = (real)(i + 1);
    if (in_order) t.in_place = order_of(rows, &a);
    if (out_order) t.out_place = order_of(columns, &a);
    transpose_lines(out, in, &t);
    for (size_t j = 0; j < columns; j++) {
        const real *line = out + (t.out_place ? t.out_place[j] : j) * t.out_line;
        for (size_t i = 0; i < rows; i++)
            assert_true(line[i] == in[(t.in_place ? t.in_place[i] : i) * t.in_line + j]);
        for (size_t i = rows; i < t.out_line; i++) assert_true(line[i] == 0);
    }
    arena_release(&a);
}

static void every_element_finds_its_place(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 7, 8, 9, 15, 16, 17, 48, 67 };
    for (size_t r = 0; r < ARRAY_LEN(sizes); r++)
        for (size_t c = 0; c < ARRAY_LEN(sizes); c++)
            for (int order = 0; order < 4; order++) check(sizes[r], sizes[c], order & 1, order & 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_element_finds_its_place) };
    return cmocka_run_group_tests_name("transpose", tests, NULL, NULL);
}
