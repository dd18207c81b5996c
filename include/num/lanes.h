/** num/lanes.h: vectors whose lanes change places, for every compiler that knows vectors. */
#ifndef TOMBOLA_NUM_LANES_H
#define TOMBOLA_NUM_LANES_H

#include "num/real.h"

/** The type of a lane of the index, as wide as real. */
#if TOMBOLA_REAL == 64
#define LANES_INDEX long long
#else
#define LANES_INDEX int
#endif

/** Before a loop of few turns, whose number is known when it is compiled: none is left. */
#if defined(__clang__)
#define LANES_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LANES_UNROLL _Pragma("GCC unroll 16")
#endif

/** A vector of `type`: lane i is that of index[i] of x, or where x ends of y.  With an index that is known when it is
 * compiled, one instruction or two. */
#if defined(__clang__)
#define LANES_SHUFFLE(type, x, y, index)                                                                             \
    ({                                                                                                               \
        const type lanes_x = (x), lanes_y = (y);                                                                     \
        const int lanes_count = sizeof(type) / sizeof lanes_x[0];                                                    \
        type lanes_out = lanes_x;                                                                                    \
        LANES_UNROLL for (int lanes_i = 0; lanes_i < lanes_count; lanes_i++) lanes_out[lanes_i] =                    \
            (index)[lanes_i] < lanes_count ? lanes_x[(index)[lanes_i] % lanes_count]                                 \
                                           : lanes_y[(index)[lanes_i] % lanes_count];                                \
        lanes_out;                                                                                                   \
    })
#else
#define LANES_SHUFFLE(type, x, y, index) ((type)__builtin_shuffle((type)(x), (type)(y), index))
#endif

#endif
