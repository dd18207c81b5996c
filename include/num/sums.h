/** num/sums.h: sums of many numbers, made in lanes side by side and then in a tree: the same bits on every level. */
#ifndef TOMBOLA_NUM_SUMS_H
#define TOMBOLA_NUM_SUMS_H

#include "num/clones.h"
#include "num/real.h"

#include <stddef.h>

/** Of so many lanes, a power of two, which are spent. */
CLONED_WITH_CALLER real sums_lanes(real *lane, size_t lanes)
{
    for (size_t half = lanes / 2; half > 0; half /= 2)
        for (size_t k = 0; k < half; k++) lane[k] += lane[k + half];
    return lane[0];
}

/** Of n numbers, in 16 lanes. */
CLONED_WITH_CALLER real sums_row(const real *x, size_t n)
{
    enum { LANES_OF_ROW = 16 };
    real lane[LANES_OF_ROW] = { 0 };
    size_t i = 0;
    for (; i + LANES_OF_ROW <= n; i += LANES_OF_ROW)
        for (size_t k = 0; k < LANES_OF_ROW; k++) lane[k] += x[i + k];
    for (size_t k = 0; i + k < n; k++) lane[k] += x[i + k];
    return sums_lanes(lane, LANES_OF_ROW);
}

#endif
