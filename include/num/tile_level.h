/** num/tile_level.h: the loops of one level; num/tile.c includes it once for each, after saying which.
 *
 *  TILE(name) makes names of the level; TILE_TARGET is the attribute that chooses its instructions; registers hold
 *  TILE_BYTES, and TILE_ROWS times TILE_VECTORS of them are the sums of a tile.
 */
#include "num/lanes.h"
#include "num/tile.h"

#include <string.h>

#ifndef TILE
#define TILE(name)          name##_alone
#define TILE_TARGET         __attribute__((unused))
#define TILE_BYTES          16
#define TILE_ROWS           8
#define TILE_FMA(a, b, sum) ((a) * (b) + (sum))
#endif

#ifndef TILE_VECTORS
#define TILE_VECTORS    3
#define TILE_INLINE     TILE_TARGET static inline __attribute__((always_inline))
#define TILE_EACH(i, n) LANES_UNROLL for (int i = 0; i < (n); i++)
#endif

enum { TILE(LANES) = TILE_BYTES / sizeof(real), TILE(WIDTH) = TILE_VECTORS * TILE(LANES) };
typedef real TILE(vec) __attribute__((vector_size(TILE_BYTES), aligned(sizeof(real)), may_alias));
typedef real TILE(reg) __attribute__((vector_size(TILE_BYTES)));
typedef LANES_INDEX TILE(lanes) __attribute__((vector_size(TILE_BYTES)));

/* rows and vectors are constants where it is inlined: the sums stay in registers. */
TILE_INLINE void TILE(tile)(const struct panel *p, const int rows, const int vectors)
{
    TILE(reg) sum[TILE_ROWS][TILE_VECTORS];
    const real *a = p->a, *b = p->b;
    real *const out = p->out;
    const size_t k = p->k, a_row = p->a_row, a_step = p->a_step, b_step = p->b_step, out_step = p->out_step;
    TILE_EACH(r, rows) TILE_EACH(v, vectors) sum[r][v] = (TILE(reg)){ 0 };
    for (size_t l = 0; l < k; l++, a += a_step, b += b_step) {
        TILE_EACH(r, rows)
        TILE_EACH(v, vectors) sum[r][v] = TILE_FMA(a[(size_t)r * a_row], ((const TILE(vec) *)b)[v], sum[r][v]);
    }
    if (p->add) {
        TILE_EACH(r, rows)
        TILE_EACH(v, vectors) sum[r][v] += ((const TILE(vec) *)(out + (size_t)r * out_step))[v];
    }
    TILE_EACH(r, rows) TILE_EACH(v, vectors)((TILE(vec) *)(out + (size_t)r * out_step))[v] = sum[r][v];
}

/* tile_1x2_v4 and so on; they are functions of their own so that each has all registers. */
#define TILE_SIZE(rows, vectors)                                                                                     \
    TILE_TARGET static void TILE(tile_##rows##x##vectors)(const struct panel *p)                                     \
    {                                                                                                                \
        TILE(tile)(p, rows, vectors);                                                                                \
    }
TILE_SIZE(1, 1)
TILE_SIZE(1, 2)
TILE_SIZE(1, 3)
TILE_SIZE(2, 1)
TILE_SIZE(2, 2)
TILE_SIZE(2, 3)
TILE_SIZE(4, 1)
TILE_SIZE(4, 2)
TILE_SIZE(4, 3)
#if TILE_ROWS == 8
TILE_SIZE(8, 1)
TILE_SIZE(8, 2)
TILE_SIZE(8, 3)
#endif
#undef TILE_SIZE

TILE_INLINE void TILE(copy)(real *restrict to, const real *restrict from, size_t columns)
{
    for (size_t i = 0; i < TILE(WIDTH); i++)
        if (i < columns) to[i] = from[i];
}

/* Rows of the panel; a ragged right edge goes through a copy, because registers are stored whole. */
TILE_TARGET static void TILE(strip)(struct panel *p, size_t rows, void (*tile)(const struct panel *))
{
    if (p->columns % TILE(LANES)) {
        real whole[TILE_ROWS * TILE(WIDTH)];
        struct panel copy = *p;
        copy.out = whole;
        copy.out_step = TILE(WIDTH);
        for (size_t r = 0; r < rows && p->add; r++)
            TILE(copy)(whole + r * TILE(WIDTH), p->out + r * p->out_step, p->columns);
        tile(&copy);
        for (size_t r = 0; r < rows; r++) TILE(copy)(p->out + r * p->out_step, whole + r * TILE(WIDTH), p->columns);
    } else
        tile(p);
    p->m -= rows;
    p->a += rows * p->a_row;
    p->out += rows * p->out_step;
}

TILE_TARGET static void TILE(multiply)(const struct panel *whole)
{
    static void (*const tile[][TILE_VECTORS])(const struct panel *) = {
#if TILE_ROWS == 8
        { TILE(tile_8x1), TILE(tile_8x2), TILE(tile_8x3) },
#endif
        { TILE(tile_4x1), TILE(tile_4x2), TILE(tile_4x3) },
        { TILE(tile_2x1), TILE(tile_2x2), TILE(tile_2x3) },
        { TILE(tile_1x1), TILE(tile_1x2), TILE(tile_1x3) },
    };
    struct panel p = *whole;
    const size_t vectors = (p.columns + TILE(LANES) - 1) / TILE(LANES);
    for (size_t i = 0, rows = TILE_ROWS; rows > 0; i++, rows /= 2)
        while (p.m >= rows) TILE(strip)(&p, rows, tile[i][vectors - 1]);
}

/* Lanes that differ in bit s change places between the rows that do. */
TILE_INLINE void TILE(exchange)(TILE(vec) * row, const int s)
{
    TILE(lanes) low = { 0 }, high = { 0 };
    for (int i = 0; i < TILE(LANES); i++) {
        low[i] = i & s ? TILE(LANES) + (i ^ s) : i;
        high[i] = i & s ? TILE(LANES) + i : i ^ s;
    }
    for (int r = 0; r < TILE(LANES); r++)
        if (!(r & s)) {
            const TILE(vec) first = row[r], second = row[r | s];
            row[r] = LANES_SHUFFLE(TILE(vec), first, second, low);
            row[r | s] = LANES_SHUFFLE(TILE(vec), first, second, high);
        }
}

TILE_INLINE const real *TILE(from)(const real *in, const struct transpose *t, size_t r)
{
    return in + (t->in_place ? t->in_place[r] : r) * t->in_line;
}

TILE_INLINE real *TILE(to)(real *out, const struct transpose *t, size_t c)
{
    return out + (t->out_place ? t->out_place[c] : c) * t->out_line;
}

/* TILE(LANES) lines of in, from column c on, become as many of out. */
TILE_INLINE void TILE(square)(real *out, const real *in, const struct transpose *t, size_t r, size_t c)
{
    TILE(vec) row[TILE(LANES)];
    for (size_t i = 0; i < TILE(LANES); i++) row[i] = *(const TILE(vec) *)(TILE(from)(in, t, r + i) + c);
    if (TILE(LANES) > 8) TILE(exchange)(row, 8);
    if (TILE(LANES) > 4) TILE(exchange)(row, 4);
    if (TILE(LANES) > 2) TILE(exchange)(row, 2);
    TILE(exchange)(row, 1);
    for (size_t i = 0; i < TILE(LANES); i++) *(TILE(vec) *)(TILE(to)(out, t, c + i) + r) = row[i];
}

TILE_TARGET static void TILE(transpose)(real *restrict out, const real *restrict in, const struct transpose *t)
{
    const size_t whole_rows = t->rows / TILE(LANES) * TILE(LANES);
    const size_t whole_columns = t->columns / TILE(LANES) * TILE(LANES);
    for (size_t r = 0; r < whole_rows; r += TILE(LANES))
        for (size_t c = 0; c < whole_columns; c += TILE(LANES)) TILE(square)(out, in, t, r, c);
    for (size_t r = 0; r < t->rows; r++)
        for (size_t c = r < whole_rows ? whole_columns : 0; c < t->columns; c++)
            TILE(to)(out, t, c)[r] = TILE(from)(in, t, r)[c];
}

#undef TILE
#undef TILE_TARGET
#undef TILE_BYTES
#undef TILE_FMA
#undef TILE_ROWS
