/** num/exp.h: an exponential that the compiler can vectorise. */
#ifndef TOMBOLA_NUM_EXP_H
#define TOMBOLA_NUM_EXP_H

#include "num/clones.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/** e^x = scale (1 + r + r^2 p), for x <= 0; e^-708 below that, NaN for NaN.  scale = 2^n, |r| <= ln(2)/2, p from
 * Taylor's polynomial of degree 13, without branches so that the compiler vectorises it; fma, not a contraction left
 * to the compiler, so that the bits are the same on every x86 level. */
struct exp_parts {
    double scale, r, p;
};
CLONED_WITH_CALLER struct exp_parts exp_parts(double x)
{
    const double log2e = 0x1.71547652b82fep0, shift = 0x1.8p52; /* shift + n has n in its low bits */
    const double ln2_high = 0x1.62e42fefa39efp-1, ln2_low = 0x1.abc9e3b39803fp-56;
    x = x < -708 ? -708 : x;
    double shifted = fma(x, log2e, shift), n = shifted - shift;
    double r = fma(-n, ln2_low, fma(-n, ln2_high, x));
    double p = 1.0 / 6227020800;
    p = fma(p, r, 1.0 / 479001600);
    p = fma(p, r, 1.0 / 39916800);
    p = fma(p, r, 1.0 / 3628800);
    p = fma(p, r, 1.0 / 362880);
    p = fma(p, r, 1.0 / 40320);
    p = fma(p, r, 1.0 / 5040);
    p = fma(p, r, 1.0 / 720);
    p = fma(p, r, 1.0 / 120);
    p = fma(p, r, 1.0 / 24);
    p = fma(p, r, 1.0 / 6);
    p = fma(p, r, 1.0 / 2);
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return (struct exp_parts){ scale, r, p };
}

/** exp(x) to about one unit in the last place, for x <= 0; exp(-708) below that, NaN for NaN. */
CLONED_WITH_CALLER double exp_inline(double x)
{
    const struct exp_parts e = exp_parts(x);
    return fma(fma(e.p, e.r, 1.0), e.r, 1.0) * e.scale;
}

#endif
