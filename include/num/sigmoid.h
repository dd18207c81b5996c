/** num/sigmoid.h: the two squashing functions of recurrent cells, in the file's precision, for loops that the
 * compiler vectorises.
 *
 *  Both come from e^x = 2^n (1 + q) with x <= 0, |r| <= ln(2)/2, q = e^r - 1 by Taylor's polynomial: a few units in
 * the last place, also of the small results.  fma, not a contraction left to the compiler: the same bits on every x86
 *  level.  NaN gives NaN.
 */
#ifndef TOMBOLA_NUM_SIGMOID_H
#define TOMBOLA_NUM_SIGMOID_H

#include "num/clones.h"
#include "num/exp.h"
#include "num/real.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define split_exp  REAL_NAME(split_exp)
#define exp_split  REAL_NAME(exp_split)
#define sigmoid_of REAL_NAME(sigmoid_of)
#define tanh_of    REAL_NAME(tanh_of)

/** e^x = scale (1 + q). */
struct split_exp {
    real scale, q;
};

#if TOMBOLA_REAL == 64
CLONED_WITH_CALLER struct split_exp exp_split(double x)
{
    const struct exp_parts e = exp_parts(x);
    return (struct split_exp){ e.scale, fma(e.p * e.r, e.r, e.r) };
}

CLONED_WITH_CALLER double sigmoid_of(double x)
{
    const struct split_exp e = exp_split(-fabs(x));
    const double small = fma(e.scale, e.q, e.scale);
    return (x < 0 ? small : 1) / (1 + small);
}

CLONED_WITH_CALLER double tanh_of(double x)
{
    const struct split_exp e = exp_split(-2 * fabs(x));
    const double less = fma(e.scale, e.q, e.scale - 1); /* e^-2|x| - 1 */
    return copysign(less / (2 + less), x);
}
#else
CLONED_WITH_CALLER struct split_exp exp_split(float x)
{
    const float log2e = 0x1.715476p0F, shift = 0x1.8p23F;
    const float ln2_high = 0x1.62e43p-1F, ln2_low = -0x1.05c61p-29F;
    x = x < -87 ? -87 : x;
    float shifted = fmaf(x, log2e, shift), n = shifted - shift;
    float r = fmaf(-n, ln2_low, fmaf(-n, ln2_high, x));
    float p = 1.0F / 5040;
    p = fmaf(p, r, 1.0F / 720);
    p = fmaf(p, r, 1.0F / 120);
    p = fmaf(p, r, 1.0F / 24);
    p = fmaf(p, r, 1.0F / 6);
    p = fmaf(p, r, 1.0F / 2);
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127) << 23;
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return (struct split_exp){ scale, fmaf(p * r, r, r) };
}

CLONED_WITH_CALLER float sigmoid_of(float x)
{
    const struct split_exp e = exp_split(-fabsf(x));
    const float small = fmaf(e.scale, e.q, e.scale);
    return (x < 0 ? small : 1) / (1 + small);
}

CLONED_WITH_CALLER float tanh_of(float x)
{
    const struct split_exp e = exp_split(-2 * fabsf(x));
    const float less = fmaf(e.scale, e.q, e.scale - 1);
    return copysignf(less / (2 + less), x);
}
#endif

#endif
