/** num/gemm.h: matrix products for the shapes where OpenBLAS is far from what the core can do. */
#ifndef TOMBOLA_NUM_GEMM_H
#define TOMBOLA_NUM_GEMM_H

#include "num/tile.h"

#define gemm_tiles REAL_NAME(gemm_tiles)
#define matrices   REAL_NAME(matrices)

/** out (m, n) = beta out + op(A) op(B), as num/blas.h has them: with at, A is stored (k, m); with bt, B is (n, k). */
struct matrices {
    real *out;
    const real *a, *b;
    size_t m, n, k;
    bool at, bt;
    real beta;
};

/** Rows of op(B) that are summed at once: a short chain rounds less, and so much of a panel stays in the first cache.
 */
enum { GEMM_BLOCK = 128 };

/** With the loops of this level.  Each element is beta * out, plus, for each GEMM_BLOCK of k in turn, a chain of
 * fused multiply-adds in ascending k that begins with 0: the same bits on every level, whatever the shape. */
void gemm_tiles(const struct tile_level *level, const struct matrices *p);

#endif
