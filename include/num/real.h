/** num/real.h: the precision of a translation unit.
 *
 *  A .c file that includes this header itself is compiled twice: `real` is float the first time and double the second
 *  (-DTOMBOLA_REAL=64).  Every name with external linkage whose meaning depends on `real` is renamed once, beside its
 *  prototype: `#define softmax_loss REAL_NAME(softmax_loss)`.  A file that
 *  defines TOMBOLA_REAL as 64 before its first include is compiled once and sees the double view; all other files see
 *  the float view.
 */
#ifndef TOMBOLA_NUM_REAL_H
#define TOMBOLA_NUM_REAL_H

#ifndef TOMBOLA_REAL
#define TOMBOLA_REAL 32
#endif

#if TOMBOLA_REAL == 64
typedef double real;
#define REAL_NAME(name) name##_f64
#else
typedef float real;
#define REAL_NAME(name) name##_f32
#endif

#endif
