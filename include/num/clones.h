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

/** Whoever compiles for a level by himself: the attribute's text, and does this machine run it? */
#if defined(__x86_64__) && defined(__GNUC__) && defined(__OPTIMIZE__)
#define X86_LEVELS
#include <stdbool.h>
#if defined(__clang__) && __clang_major__ < 19
/* It can ask for features alone, and not for all: the others are not used. */
#define X86_V4 X86_V3 ",avx512f,avx512bw,avx512cd,avx512dq,avx512vl"
#define X86_V3 "arch=x86-64-v3,no-f16c,no-lzcnt,no-movbe"
#define X86_HAS_V4                                                                                                   \
    (X86_HAS("avx512f") && X86_HAS("avx512bw") && X86_HAS("avx512cd") && X86_HAS("avx512dq") && X86_HAS("avx512vl"))
#define X86_HAS_V3 (X86_HAS("avx2") && X86_HAS("bmi") && X86_HAS("bmi2") && X86_HAS("fma"))
#else
#ifdef __clang__
#define X86_V4 "arch=x86-64-v4"
#else
#define X86_V4 "arch=x86-64-v4,prefer-vector-width=512"
#endif
#define X86_V3     "arch=x86-64-v3"
#define X86_HAS_V4 X86_HAS("x86-64-v4")
#define X86_HAS_V3 X86_HAS("x86-64-v3")
#endif
#define X86_HAS(what) __builtin_cpu_supports(what)

static inline bool x86_runs_v3(void)
{
    return X86_HAS_V3;
}

static inline bool x86_runs_v4(void)
{
    return TOMBOLA_X86_LEVEL >= 4 && x86_runs_v3() && X86_HAS_V4;
}
#endif

/** Before 19, clang chooses the wrong level and makes a function that no other file finds: one level for all. */
#if !defined(X86_LEVELS) || (defined(__clang__) && __clang_major__ < 19)
#define CLONES
#define CLONES_NONE
#elif TOMBOLA_X86_LEVEL < 4
#define CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif

#endif
