/** num/tile.h: the innermost loops of num/gemm.c and num/transpose.c, compiled for each instruction set that pays.
 *
 *  All levels do the same operations on each element in the same order, so that they give the same bits.
 */
#ifndef TOMBOLA_NUM_TILE_H
#define TOMBOLA_NUM_TILE_H

#include "num/real.h"
#include "num/transpose.h"

#include <stdbool.h>
#include <stddef.h>

#define tile_level  REAL_NAME(tile_level)
#define tile_levels REAL_NAME(tile_levels)
#define tile_best   REAL_NAME(tile_best)
#define panel       REAL_NAME(panel)

/** out (m, columns) = or += A (m, k) B (k, columns), each element a chain of fused multiply-adds in ascending k that
 *  begins with 0.  A[i, l] stands at a[i * a_row + l * a_step]; rows of B are b_step and rows of out out_step apart.
 */
struct panel {
    real *out;
    const real *a, *b;
    size_t out_step, a_row, a_step, b_step;
    size_t m, columns, k;
    bool add;
};

struct tile_level {
    const char *name;
    bool (*runs)(void);  /* on this machine                                                         */
    bool quick;          /* at least as fast as OpenBLAS, whatever the shape                        */
    size_t lanes, width; /* reals in a register; columns of a panel, a multiple of it, at most TILE_WIDEST */
    /** columns <= width; of B as many are read as fill whole registers: there must be that much. */
    void (*multiply)(const struct panel *p);
    void (*transpose)(real *restrict out, const real *restrict in, const struct transpose *t);
};

enum { TILE_WIDEST = 64 };

/** Best first; the last one runs everywhere, then comes a row without a name.  tile_best: the first that runs. */
const struct tile_level *tile_best(void);
extern const struct tile_level tile_levels[];

#endif
