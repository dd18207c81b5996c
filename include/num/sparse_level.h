/** num/sparse_level.h: the loops of one level; num/sparse.c includes it once for each, after saying which.
 *
 *  LEVEL(name) makes names of the level; LEVEL_TARGET is the attribute that chooses its instructions; registers hold
 *  LEVEL_BYTES, and LEVEL_PANEL of them are the columns of a dense matrix for which sparse_multiply sums at once.
 */
#include "num/sparse.h"

#include <string.h>

#ifndef LEVEL
#define LEVEL(name)  name##_alone
#define LEVEL_TARGET __attribute__((unused))
#define LEVEL_BYTES  16
#define LEVEL_PANEL  4
#endif

#ifndef LEVEL_INLINE
#include "num/lanes.h"
#define LEVEL_INLINE     LEVEL_TARGET static inline __attribute__((always_inline))
#define LEVEL_EACH(i, n) LANES_UNROLL for (int i = 0; i < (n); i++)

/* The order of a sum over columns is that of 64 bytes at a time on every level: three such lines are a panel of
 * sparse_gradient, and GROUP of its sums go through the registers together. */
enum { LINE = 64 / sizeof(real), LINES = 3, GROUP = 4 };
#endif

enum { LEVEL(LANES) = LEVEL_BYTES / sizeof(real), LEVEL(PARTS) = 64 / LEVEL_BYTES };
typedef real LEVEL(vec) __attribute__((vector_size(LEVEL_BYTES), aligned(sizeof(real)), may_alias));
typedef real LEVEL(reg) __attribute__((vector_size(LEVEL_BYTES)));
typedef LANES_INDEX LEVEL(lanes) __attribute__((vector_size(LEVEL_BYTES)));

LEVEL_INLINE LEVEL(reg) LEVEL(before)(const LEVEL(vec) * to, bool add)
{
    return add ? (LEVEL(reg)) * to : (LEVEL(reg)){ 0 };
}

LEVEL_INLINE void LEVEL(add_row)(LEVEL(reg) * sum, real m, const real *b, const int vectors)
{
    LEVEL_EACH(v, vectors) sum[v] += m * ((const LEVEL(vec) *)b)[v];
}

/* A panel: columns of the dense matrices that fill `vectors` registers, a constant where it is inlined. */
LEVEL_INLINE void LEVEL(multiply_panel)(real *restrict out, const struct sparse *s, const real *w, const real *B,
                                        size_t n, const int vectors)
{
    const uint32_t *first = s->first, *const column = s->column;
    const size_t step = s->column_step;
    for (size_t block = 0; block < s->blocks; block++)
        for (size_t r = 0; r < s->rows; r++, first++) {
            const real *row = w + r * s->row_step;
            LEVEL(reg) sum[LEVEL_PANEL], next[LEVEL_PANEL];
            LEVEL(vec) *to = (LEVEL(vec) *)(out + r * n);
            LEVEL_EACH(v, vectors) sum[v] = next[v] = (LEVEL(reg)){ 0 };
            size_t i = first[0];
            for (; i + 1 < first[1]; i += 2) {
                LEVEL(add_row)(sum, row[column[i] * step], B + column[i] * n, vectors);
                LEVEL(add_row)(next, row[column[i + 1] * step], B + column[i + 1] * n, vectors);
            }
            if (i < first[1]) LEVEL(add_row)(sum, row[column[i] * step], B + column[i] * n, vectors);
            LEVEL_EACH(v, vectors) to[v] = sum[v] + next[v] + LEVEL(before)(to + v, block > 0);
        }
}

LEVEL_TARGET static void LEVEL(multiply)(real *restrict out, const struct sparse *s, const real *w, const real *B,
                                         size_t n)
{
    size_t j = 0;
    for (; j + LEVEL_PANEL * LEVEL(LANES) <= n; j += LEVEL_PANEL * LEVEL(LANES))
        LEVEL(multiply_panel)(out + j, s, w, B + j, n, LEVEL_PANEL);
    for (; j < n; j += LINE) LEVEL(multiply_panel)(out + j, s, w, B + j, n, LEVEL(PARTS));
}

/* Of x and y, the sums of neighbours: x0 + x1 and so on, every four lanes for themselves; of double, where that is
 * less to do, in the order x0 + x1, y0 + y1, x2 + x3, y2 + y3 with `step` 1, x0 + x2, x1 + x3, y0 + y2, y1 + y3
 * with 2. */
LEVEL_INLINE LEVEL(reg) LEVEL(sum_pairs)(LEVEL(reg) x, LEVEL(reg) y, const int step)
{
    LEVEL(lanes) even = { 0 }, odd = { 0 };
    for (int i = 0; i < LEVEL(LANES); i++) {
        const int four = i / 4 * 4, of_y = i % 4 > 1 ? LEVEL(LANES) - 4 : 0;
        even[i] = sizeof(real) == 4 ? of_y + four + i % 4 * 2 : i & step ? LEVEL(LANES) + (i ^ step) : i;
        odd[i] = sizeof(real) == 4 ? even[i] + 1 : i & step ? LEVEL(LANES) + i : i ^ step;
    }
    return LANES_SHUFFLE(LEVEL(reg), x, y, even) + LANES_SHUFFLE(LEVEL(reg), x, y, odd);
}

/* to[g] = the sum of the lanes of dot[g]: neighbours first, then pairs of them, and so on. */
LEVEL_INLINE void LEVEL(sum_lanes)(real *to, const LEVEL(reg) * dot)
{
    LEVEL(reg) low = LEVEL(sum_pairs)(dot[0], dot[1], 1), high = LEVEL(sum_pairs)(dot[2], dot[3], 1);
    if (LEVEL(LANES) == 2) {
        memcpy(to, &low, sizeof low);
        memcpy(to + 2, &high, sizeof high);
        return;
    }
    low = LEVEL(sum_pairs)(low, high, 2);
    for (int four = 4; four < LEVEL(LANES); four *= 2) {
        LEVEL(lanes) other = { 0 };
        for (int i = 0; i < LEVEL(LANES); i++) other[i] = i ^ four;
        low += LANES_SHUFFLE(LEVEL(reg), low, low, other);
    }
    memcpy(to, &low, GROUP * sizeof *to);
}

/* Of `count` <= GROUP kept entries of a row, in a register of each line: sum += their part of M B, and to[g] = that
 * of the product of rows. */
LEVEL_INLINE void LEVEL(part)(LEVEL(reg) * sum, real *to, const struct sparse *s, const uint32_t *column,
                              const int count, const real *w, const real *A, const real *B, size_t n, const int lines)
{
    LEVEL(reg) dot[GROUP] = { { 0 } };
    LEVEL_EACH(g, count)
    {
        const real *b = B + column[g] * n;
        const real m = w[column[g] * s->column_step];
        LEVEL_EACH(v, lines)
        {
            const LEVEL(reg) x = *(const LEVEL(vec) *)(b + v * LINE), a = *(const LEVEL(vec) *)(A + v * LINE);
            sum[v] += m * x;
            dot[g] = v ? dot[g] + a * x : a * x;
        }
    }
    LEVEL(sum_lanes)(to, dot);
}

/* The same in all registers of a line, and where the products of rows go: dw[column[g] * step] = or += their sum. */
LEVEL_INLINE void LEVEL(group)(LEVEL(reg) (*sum)[LINES], real *dw, const struct sparse *s, const uint32_t *column,
                               const int count, const real *w, const real *A, const real *B, size_t n,
                               const int lines, bool add)
{
    real share[LEVEL(PARTS)][GROUP];
    LEVEL_EACH(p, LEVEL(PARTS))
    LEVEL(part)
    (sum[p], share[p], s, column, count, w, A + p * LEVEL(LANES), B + p * LEVEL(LANES), n, lines);
    for (int half = 1; half < LEVEL(PARTS); half *= 2)
        for (int p = 0; p < LEVEL(PARTS); p += 2 * half) LEVEL_EACH(g, GROUP) share[p][g] += share[p + half][g];
    LEVEL_EACH(g, count)
    {
        real *to = dw + column[g] * s->column_step;
        *to = add ? *to + share[0][g] : share[0][g];
    }
}

LEVEL_INLINE void LEVEL(gradient_row)(real *restrict out, real *restrict dw, const struct sparse *s,
                                      const uint32_t *column, size_t count, const real *w, const real *A,
                                      const real *B, size_t n, const int lines, bool add, bool later)
{
    LEVEL(reg) sum[LEVEL(PARTS)][LINES];
    LEVEL_EACH(p, LEVEL(PARTS)) LEVEL_EACH(v, lines) sum[p][v] = (LEVEL(reg)){ 0 };
    for (; count >= GROUP; count -= GROUP, column += GROUP)
        LEVEL(group)(sum, dw, s, column, GROUP, w, A, B, n, lines, add);
    if (count == 1) LEVEL(group)(sum, dw, s, column, 1, w, A, B, n, lines, add);
    if (count == 2) LEVEL(group)(sum, dw, s, column, 2, w, A, B, n, lines, add);
    if (count == 3) LEVEL(group)(sum, dw, s, column, 3, w, A, B, n, lines, add);
    LEVEL_EACH(p, LEVEL(PARTS)) LEVEL_EACH(v, lines)
    {
        LEVEL(vec) *to = (LEVEL(vec) *)(out + v * LINE + p * LEVEL(LANES));
        *to = sum[p][v] + LEVEL(before)(to, later);
    }
}

LEVEL_INLINE void LEVEL(gradient_panel)(real *restrict out, real *restrict dw, const struct sparse *s, const real *w,
                                        const real *A, const real *B, size_t n, const int lines, bool add)
{
    const uint32_t *first = s->first;
    for (size_t block = 0; block < s->blocks; block++)
        for (size_t r = 0; r < s->rows; r++, first++) {
            const size_t row = r * s->row_step;
            LEVEL(gradient_row)
            (out + r * n, dw + row, s, s->column + first[0], first[1] - first[0], w + row, A + r * n, B, n, lines,
             add, block > 0);
        }
}

LEVEL_TARGET static void LEVEL(gradient)(real *restrict out, real *restrict dw, const struct sparse *s, const real *w,
                                         const real *A, const real *B, size_t n)
{
    size_t j = 0;
    for (; j + LINES * LINE <= n; j += LINES * LINE)
        LEVEL(gradient_panel)(out + j, dw, s, w, A + j, B + j, n, LINES, j > 0);
    for (; j < n; j += LINE) LEVEL(gradient_panel)(out + j, dw, s, w, A + j, B + j, n, 1, j > 0);
}

#undef LEVEL
#undef LEVEL_TARGET
#undef LEVEL_BYTES
#undef LEVEL_PANEL
