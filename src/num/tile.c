#include "num/tile.h"

#include "num/clones.h"
#include "num/real.h"

#include <math.h>

static bool always(void)
{
    return true;
}

#define LEVEL(text, test, quick, name)                                                                               \
    {                                                                                                                \
        text, test, quick, LANES_##name, WIDTH_##name, multiply_##name, transpose_##name                             \
    }

#ifdef X86_LEVELS
#include <immintrin.h>

#if TOMBOLA_REAL == 64
#define FMA_V4(a, b, sum) _mm512_fmadd_pd(_mm512_set1_pd(a), b, sum)
#define FMA_V3(a, b, sum) _mm256_fmadd_pd(_mm256_set1_pd(a), b, sum)
#else
#define FMA_V4(a, b, sum) _mm512_fmadd_ps(_mm512_set1_ps(a), b, sum)
#define FMA_V3(a, b, sum) _mm256_fmadd_ps(_mm256_set1_ps(a), b, sum)
#endif

/* 32 registers of 64 bytes: 24 sums. */
#define TILE(name)          name##_v4
#define TILE_TARGET         __attribute__((target(X86_V4)))
#define TILE_BYTES          64
#define TILE_FMA(a, b, sum) FMA_V4(a, b, sum)
#define TILE_ROWS           8
#include "num/tile_level.h"

/* 16 registers of 32 bytes: 12 sums. */
#define TILE(name)          name##_v3
#define TILE_TARGET         __attribute__((target(X86_V3)))
#define TILE_BYTES          32
#define TILE_FMA(a, b, sum) FMA_V3(a, b, sum)
#define TILE_ROWS           4
#include "num/tile_level.h"
#endif

typedef real vec16 __attribute__((vector_size(16), aligned(sizeof(real)), may_alias));

static inline vec16 fma_any(real a, vec16 b, vec16 sum)
{
    for (size_t i = 0; i < sizeof sum / sizeof a; i++)
#if TOMBOLA_REAL == 64
        sum[i] = fma(a, b[i], sum[i]);
#else
        sum[i] = fmaf(a, b[i], sum[i]);
#endif
    return sum;
}

/* As the compiler is told to; 128 bits is what every machine has. */
#define TILE(name) name##_any
#define TILE_TARGET
#define TILE_BYTES          16
#define TILE_ROWS           8
#define TILE_FMA(a, b, sum) fma_any(a, b, sum)
#include "num/tile_level.h"

const struct tile_level tile_levels[] = {
#ifdef X86_LEVELS
    LEVEL("x86-64-v4", x86_runs_v4, true, v4),
    LEVEL("x86-64-v3", x86_runs_v3, true, v3),
#endif
    LEVEL("any", always, false, any),
    { .name = NULL },
};

const struct tile_level *tile_best(void)
{
    static const struct tile_level *best;
    if (!best)
        for (best = tile_levels; !best->runs();) best++;
    return best;
}
