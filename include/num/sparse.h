/** num/sparse.h: products with a matrix of which a mask keeps a part that does not change.
 *
 *  The matrix M (rows, columns) lies in a dense vector w: M[r, c] = w[r * row_step + c * column_step] where the mask
 *  keeps it, 0 elsewhere.  The other matrices are dense, row-major, and n columns wide: whole registers, that is
 *  sparse_fits(n).  No level contracts or reorders, so that all give the same bits (num/clones.h).
 */
#ifndef TOMBOLA_NUM_SPARSE_H
#define TOMBOLA_NUM_SPARSE_H

#include "base/arena.h"
#include "num/real.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define sparse_open     REAL_NAME(sparse_open)
#define sparse_fits     REAL_NAME(sparse_fits)
#define sparse_multiply REAL_NAME(sparse_multiply)
#define sparse_gradient REAL_NAME(sparse_gradient)
#define sparse_level    REAL_NAME(sparse_level)
#define sparse_levels   REAL_NAME(sparse_levels)

/** What is kept: compressed rows, and these in blocks of SPARSE_BLOCK columns, so that the rows of a dense matrix
 * that a block asks for stay in the first cache. */
struct sparse {
    size_t rows, columns, row_step, column_step, blocks;
    uint32_t *first;  /* (blocks, rows), and the end: where the row's part of the block begins in column */
    uint32_t *column; /* ascending within a part */
};

enum { SPARSE_BLOCK = 128 };

/** shape: rows, columns and their steps; mask is read as w is, and not kept. */
struct sparse sparse_open(struct sparse shape, const uint8_t *mask, struct arena *a);

bool sparse_fits(size_t n);

/** out (rows, n) = M B, B (columns, n).  Block by block, in each a sum in ascending columns. */
void sparse_multiply(real *restrict out, const struct sparse *s, const real *w, const real *B, size_t n);

/** Both gradients of M' A = U, given dU = B: out (rows, n) = M B for A's, and for M's, where M is kept and nowhere
 * else, dw = A B': the products of rows of A (rows, n) and of B (columns, n). */
void sparse_gradient(real *restrict out, real *restrict dw, const struct sparse *s, const real *w, const real *A,
                     const real *B, size_t n);

/** The two as they are compiled for a level: best first; the last one runs everywhere, then comes one without a name.
 * For tests: the two above take the first that runs. */
struct sparse_level {
    const char *name;
    bool (*runs)(void); /* on this machine */
    void (*multiply)(real *restrict out, const struct sparse *s, const real *w, const real *B, size_t n);
    void (*gradient)(real *restrict out, real *restrict dw, const struct sparse *s, const real *w, const real *A,
                     const real *B, size_t n);
};
extern const struct sparse_level sparse_levels[];

#endif
