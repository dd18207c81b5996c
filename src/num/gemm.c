#include "num/gemm.h"

#include "num/real.h"

#include <stdint.h>
#include <string.h>

/* Columns of op(B) are taken a panel at a time, GEMM_BLOCK rows of it, so that it stays in the cache while all rows
 * of A go by.  A is read where it stands; B too, if it is plain and fills whole registers, and is copied otherwise.
 */
enum { TURNED = 1 << 15 };

/* One product runs at a time in a process. */
static _Alignas(64) real copy[GEMM_BLOCK * TILE_WIDEST], turned[TURNED];

/* Where rows first..first+k-1 of the panel stand, and how far apart. */
static const real *panel_of_b(const struct tile_level *level, const struct matrices *p, size_t first, size_t k,
                              size_t column, size_t columns, size_t *step)
{
    const real *b = p->bt ? p->b + column * p->k + first : p->b + first * p->n + column;
    *step = p->n;
    if (!p->bt && columns % level->lanes == 0) return b;
    *step = level->width;
    if (p->bt)
        level->transpose(copy, b, &(const struct transpose){ columns, k, .out_line = *step, .in_line = p->k });
    else
        for (size_t l = 0; l < k; l++) memcpy(copy + l * *step, b + l * p->n, columns * sizeof *b);
    return copy;
}

static void scale(real *x, size_t n, real beta)
{
    for (size_t i = 0; i < n; i++) x[i] *= beta;
}

static void multiply(const struct tile_level *level, const struct matrices *p)
{
    if (p->beta != 0 && p->beta != 1) scale(p->out, p->m * p->n, p->beta);
    for (size_t first = 0; first < p->k; first += GEMM_BLOCK) {
        const size_t k = p->k - first < GEMM_BLOCK ? p->k - first : GEMM_BLOCK;
        for (size_t j = 0; j < p->n; j += level->width) {
            const size_t columns = p->n - j < level->width ? p->n - j : level->width;
            struct panel panel = { .out = p->out + j,
                                   .a = p->a + first * (p->at ? p->m : 1),
                                   .out_step = p->n,
                                   .a_row = p->at ? 1 : p->k,
                                   .a_step = p->at ? p->m : 1,
                                   .m = p->m,
                                   .columns = columns,
                                   .k = k,
                                   .add = first > 0 || p->beta != 0 };
            panel.b = panel_of_b(level, p, first, k, j, columns, &panel.b_step);
            level->multiply(&panel);
        }
    }
}

/* Multiply-adds that are done, empty lanes included, and elements that are moved, each worth ten of them. */
static size_t cost(const struct tile_level *level, size_t m, size_t n, size_t k, size_t moved)
{
    return m * k * ((n + level->lanes - 1) / level->lanes * level->lanes) + 10 * moved;
}

/* (A B)' = B' A': the result may be cheaper to turn than B, and the other way round leave fewer lanes empty. */
void gemm_tiles(const struct tile_level *level, const struct matrices *p)
{
    const size_t m = p->m, n = p->n, k = p->k;
    const size_t direct = cost(level, m, n, k, p->bt ? k * n : 0);
    const size_t other = cost(level, n, m, k, (p->at ? 0 : k * m) + m * n);
    if (p->beta != 0 || m * n > TURNED || direct <= other) {
        multiply(level, p);
        return;
    }
    const struct matrices mirror = { turned, p->b, p->a, n, m, k, !p->bt, !p->at, 0 };
    multiply(level, &mirror);
    level->transpose(p->out, turned, &(const struct transpose){ n, m, .out_line = n, .in_line = m });
}
