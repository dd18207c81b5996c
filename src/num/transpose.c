#include "num/transpose.h"

#include "num/clones.h"
#include "num/real.h"

enum { LANES = 64 / sizeof(real) };

/* A cache line, in one register where there are such; anywhere in memory; and integers that choose from two. */
typedef real line __attribute__((vector_size(64)));
typedef real loose_line __attribute__((vector_size(64), may_alias, aligned(sizeof(real))));
#if TOMBOLA_REAL == 64
typedef int64_t lanes __attribute__((vector_size(64)));
#define INDEX ((lanes){ 0, 1, 2, 3, 4, 5, 6, 7 })
#else
typedef int32_t lanes __attribute__((vector_size(64)));
#define INDEX ((lanes){ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 })
#endif

/* Two lines, cut into runs of `step` elements: a keeps its even runs and b its odd ones, and they swap the others. */
CLONED_WITH_CALLER void exchange(line *a, line *b, int step)
{
    const lanes index = INDEX, odd = (index & step) != 0;
    const lanes first = (~odd & index) | (odd & (index - step + LANES));
    const line x = *a, y = *b;
    *a = __builtin_shuffle(x, y, first);
    *b = __builtin_shuffle(x, y, first + step);
}

/* LANES lines of in, from column c on, become LANES lines of out. */
CLONED_WITH_CALLER void transpose_square(real *out, const real *in, const struct transpose *t, size_t r, size_t c)
{
    line square[LANES];
#pragma GCC unroll 16
    for (size_t i = 0; i < LANES; i++)
        square[i] = *(const loose_line *)(in + (t->in_place ? t->in_place[r + i] : r + i) * t->in_line + c);
#pragma GCC unroll 4
    for (size_t step = 1; step < LANES; step *= 2)
#pragma GCC unroll 16
        for (size_t pair = 0; pair < LANES / 2; pair++) {
            line *first = &square[pair / step * 2 * step + pair % step];
            exchange(first, first + step, (int)step);
        }
#pragma GCC unroll 16
    for (size_t i = 0; i < LANES; i++)
        *(loose_line *)(out + (t->out_place ? t->out_place[c + i] : c + i) * t->out_line + r) = square[i];
}

/* The same where fewer lines or columns are left. */
CLONED_WITH_CALLER void transpose_edge(real *out, const real *in, const struct transpose *t, size_t r, size_t c)
{
    for (size_t i = r; i < t->rows && i < r + LANES; i++) {
        const real *from = in + (t->in_place ? t->in_place[i] : i) * t->in_line;
        for (size_t j = c; j < t->columns && j < c + LANES; j++)
            out[(t->out_place ? t->out_place[j] : j) * t->out_line + i] = from[j];
    }
}

CLONES void transpose_lines(real *restrict out, const real *restrict in, const struct transpose *t)
{
    for (size_t r = 0; r < t->rows; r += LANES)
        for (size_t c = 0; c < t->columns; c += LANES)
            if (r + LANES <= t->rows && c + LANES <= t->columns)
                transpose_square(out, in, t, r, c);
            else
                transpose_edge(out, in, t, r, c);
}
