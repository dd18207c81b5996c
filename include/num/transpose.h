/** num/transpose.h: out = in', whole registers at a time, with either side in an order of its own. */
#ifndef TOMBOLA_NUM_TRANSPOSE_H
#define TOMBOLA_NUM_TRANSPOSE_H

#include "num/real.h"

#include <stddef.h>
#include <stdint.h>

#define transpose_lines REAL_NAME(transpose_lines)

/** in has `rows` lines of `columns` elements, out `columns` lines of `rows`; lines begin in_line and out_line
 * elements apart.  Row i stands in line in_place[i] of in, column j becomes line out_place[j] of out; NULL: in its
 * own order. */
struct transpose {
    size_t rows, columns, out_line, in_line;
    const uint32_t *out_place, *in_place;
};
void transpose_lines(real *restrict out, const real *restrict in, const struct transpose *t);

#endif
