/** num/clones.h: hot loops compiled for several x86 levels; the loader picks the best that the machine has.
 *
 *  Only for loops whose order of operations is written out (no reduction left to the compiler, no contraction to
 * fused multiply-add): then every level gives the same bits.
 */
#ifndef TOMBOLA_NUM_CLONES_H
#define TOMBOLA_NUM_CLONES_H

/** The highest level that is used.  `make VARIANT=avx2` builds with 3: what a machine without AVX-512 would run. */
#ifndef TOMBOLA_X86_LEVEL
#define TOMBOLA_X86_LEVEL 4
#endif

/** A helper of such a loop: only when inlined is it compiled for the same level. */
#if defined(__GNUC__)
#define CLONED_WITH_CALLER static inline __attribute__((always_inline))
#else
#define CLONED_WITH_CALLER static inline
#endif

#if !(defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__))
#define CLONES
#elif TOMBOLA_X86_LEVEL < 4
#define CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif

#endif
