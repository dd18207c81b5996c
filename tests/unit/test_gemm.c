#include "base/err.h"
#include "base/rng.h"
#include "num/gemm.h"
#include "num/real.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 400 * 70 };
static real a[MOST], b[MOST], before[MOST], got[MOST + 1], want[MOST];

static real fused(real x, real y, real sum)
{
    return sizeof(real) == sizeof(float) ? (real)fmaf((float)x, (float)y, (float)sum)
                                         : (real)fma((double)x, (double)y, (double)sum);
}

/* The plain twin: loops over rows, columns, blocks and k. */
static void plain(const struct matrices *p, real *out)
{
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++) {
            real whole = p->beta != 0 ? p->beta * before[i * p->n + j] : 0;
            for (size_t first = 0; first < p->k; first += GEMM_BLOCK) {
                real sum = 0;
                for (size_t l = first; l < p->k && l < first + GEMM_BLOCK; l++)
                    sum = fused(p->a[p->at ? l * p->m + i : i * p->k + l], p->b[p->bt ? j * p->k + l : l * p->n + j],
                                sum);
                whole += sum;
            }
            out[i * p->n + j] = whole;
        }
}

static void fill(real *x, const char *stream)
{
    struct rng r = rng_open(1, stream);
    for (size_t i = 0; i < MOST; i++) x[i] = (real)rng_normal(&r);
}

static void check(const struct tile_level *level, const struct matrices *p)
{
    const size_t n = p->m * p->n;
    memcpy(got, before, n * sizeof *got);
    if (p->beta == 0) got[0] = (real)NAN; /* must not be read */
    got[n] = 7;
    plain(p, want);
    gemm_tiles(level, p);
    for (size_t i = 0; i < n; i++)
        if (memcmp(&got[i], &want[i], sizeof *got))
            fail_msg("%s, %zux%zux%zu, %d%d, beta %g: element %zu is %.17g, not %.17g", level->name, p->m, p->n, p->k,
                     p->at, p->bt, (double)p->beta, i, (double)got[i], (double)want[i]);
    assert_true(got[n] == 7);
}

static void every_level_gives_the_bits_of_the_plain_loops(void **state)
{
    (void)state;
    static const size_t sizes[][3] = { { 1, 1, 1 },    { 1, 70, 3 },    { 70, 1, 5 },   { 3, 7, 5 },
                                       { 8, 48, 9 },   { 17, 19, 1 },   { 67, 48, 70 }, { 48, 67, 400 },
                                       { 64, 64, 64 }, { 33, 53, 193 }, { 4, 97, 11 },  { 95, 15, 7 },
                                       { 2, 400, 2 },  { 400, 3, 48 } };
    fill(a, "a");
    fill(b, "b");
    fill(before, "before");
    for (const struct tile_level *level = tile_levels; level->name; level++)
        for (size_t s = 0; level->runs() && s < ARRAY_LEN(sizes); s++)
            for (int way = 0; way < 12; way++) {
                const real beta[] = { 0, 1, (real)0.7 };
                check(level, &(const struct matrices){ got, a, b, sizes[s][0], sizes[s][1], sizes[s][2], way & 1,
                                                       way & 2, beta[way / 4] });
            }
}

static void transposing_moves_every_element(void **state)
{
    (void)state;
    static const size_t sizes[][2] = { { 1, 1 }, { 16, 16 }, { 8, 33 }, { 50, 7 }, { 48, 64 }, { 35, 37 } };
    fill(a, "a");
    for (const struct tile_level *level = tile_levels; level->name; level++)
        for (size_t s = 0; level->runs() && s < ARRAY_LEN(sizes); s++) {
            const size_t rows = sizes[s][0], columns = sizes[s][1], in_step = columns + 3, out_step = rows + 2;
            memset(got, 0, sizeof got);
            level->transpose(got, a,
                             &(const struct transpose){ rows, columns, .out_line = out_step, .in_line = in_step });
            for (size_t c = 0; c < columns; c++)
                for (size_t r = 0; r < out_step; r++)
                    assert_true(got[c * out_step + r] == (r < rows ? a[r * in_step + c] : 0));
        }
}

static void the_levels_end_with_one_that_runs_everywhere(void **state)
{
    (void)state;
    size_t count = 0;
    while (tile_levels[count].name) count++;
    assert_true(tile_levels[count - 1].runs());
    assert_true(tile_best()->runs());
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tile_levels[i].width % tile_levels[i].lanes, 0);
        assert_true(tile_levels[i].width <= TILE_WIDEST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_gives_the_bits_of_the_plain_loops),
        cmocka_unit_test(transposing_moves_every_element),
        cmocka_unit_test(the_levels_end_with_one_that_runs_everywhere),
    };
    return cmocka_run_group_tests_name("gemm", tests, NULL, NULL);
}
