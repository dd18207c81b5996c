/** num/scalar.h: numbers that carry an exact derivative along one direction.
 *
 *  A .c file that includes this header itself is compiled twice: `scalar` is double the first time, and the second
 * time
 *  (-DTOMBOLA_DUAL) a dual number x + h v, where h is an infinitesimal: h * h = 0.  A function of numbers then gives
 *  f(x + h v) = f(x) + h f'(x) v, with a derivative that is as exact as the value: no difference is taken.  So the
 *  gradient of a loss, evaluated at theta + h v, holds H v beside itself, H the loss's Hessian (Pearlmutter's
 *  R-operator, Neural Computation 6, 1994).
 *
 *  C has no dual numbers, but its complex numbers are dual numbers if the imaginary part is small enough for products
 * of two such parts to vanish in double: DUAL_STEP times what is usually called a number (the complex step of Squire
 * and Trapp, SIAM Review 40, 1998, in the limit).  A power of two, so that it costs no rounding.
 *
 *  +, -, * and / are those of the language; comparisons take scalar_real of both sides.
 */
#ifndef TOMBOLA_NUM_SCALAR_H
#define TOMBOLA_NUM_SCALAR_H

#include <complex.h>
#include <math.h>

typedef double _Complex dual;
#define DUAL_STEP 0x1p-664

/* glibc defines it for gcc alone. */
#ifndef CMPLX
#define CMPLX(x, y) __builtin_complex((double)(x), (double)(y))
#endif

#ifdef TOMBOLA_DUAL
typedef dual scalar;
#define SCALAR_NAME(name) name##_dual
#else
typedef double scalar;
#define SCALAR_NAME(name) name##_plain
#endif

static inline double scalar_real(scalar x)
{
#ifdef TOMBOLA_DUAL
    return creal(x);
#else
    return x;
#endif
}

/** f(x), where value = f and slope = f' at the real part of x. */
static inline scalar scalar_chain(scalar x, double value, double slope)
{
#ifdef TOMBOLA_DUAL
    return CMPLX(value, slope * cimag(x));
#else
    (void)x, (void)slope;
    return value;
#endif
}

static inline scalar scalar_exp(scalar x)
{
    double e = exp(scalar_real(x));
    return scalar_chain(x, e, e);
}

static inline scalar scalar_tanh(scalar x)
{
    double t = tanh(scalar_real(x)), c = cosh(scalar_real(x));
    return scalar_chain(x, t, 1 / (c * c));
}

static inline scalar scalar_erf(scalar x)
{
    double r = scalar_real(x);
    return scalar_chain(x, erf(r), 2 / sqrt(acos(-1)) * exp(-r * r));
}

#endif
