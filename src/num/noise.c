#include "num/noise.h"

#include "num/clones.h"
#include "num/lanes.h"

#include <Random123/philox.h>
#include <math.h>
#include <string.h>

enum { BLOCKS = NOISE_CHUNK / 4 };

/* sqrt(-2 log u); fmaf, not a contraction left to the compiler.  log: 2^e m with m in [sqrt(1/2), sqrt(2)), and the
 * polynomial of Cephes' logf. */
CLONED_WITH_CALLER float radius(uint32_t w)
{
    const float u = ((float)(int32_t)(w >> 1) + 0.5F) * 0x1p-31F;
    uint32_t bits;
    memcpy(&bits, &u, sizeof bits);
    const int32_t e = (int32_t)(bits - 0x3f3504f3U) >> 23;
    bits -= (uint32_t)e << 23;
    float m;
    memcpy(&m, &bits, sizeof m);
    const float f = m - 1, power = (float)e, f2 = f * f;
    float p = 7.0376836292e-2F;
    p = fmaf(p, f, -1.1514610310e-1F);
    p = fmaf(p, f, 1.1676998740e-1F);
    p = fmaf(p, f, -1.2420140846e-1F);
    p = fmaf(p, f, 1.4249322787e-1F);
    p = fmaf(p, f, -1.6668057665e-1F);
    p = fmaf(p, f, 2.0000714765e-1F);
    p = fmaf(p, f, -2.4999993993e-1F);
    p = fmaf(p, f, 3.3333331174e-1F);
    const float log_u = fmaf(0.69314718056F, power, fmaf(fmaf(p, f, -0.5F), f2, f));
    return sqrtf(-2 * log_u);
}

/* 30 bits: an angle within pi / 4 of 0, by Cephes' polynomials; two: which of four arcs it stands in.  An arc is
 * reached by a reflection at the diagonal, or at 0, or at both, so that no quadrant needs a branch. */
CLONED_WITH_CALLER void angle(uint32_t w, float *cosine, float *sine)
{
    const float x = (float)((int32_t)w >> 2) * (0x1.921fb6p-1F * 0x1p-29F), z = x * x;
    const float c = fmaf(fmaf(fmaf(2.443315711809948e-5F, z, -1.388731625493765e-3F), z, 4.166664568298827e-2F),
                         z * z, fmaf(-0.5F, z, 1));
    const float s = fmaf(fmaf(fmaf(-1.9515295891e-4F, z, 8.3321608736e-3F), z, -1.6666654611e-1F), z * x, x);
    const float sign = w & 2 ? -1.0F : 1.0F;
    *cosine = sign * (w & 1 ? s : c);
    *sine = sign * (w & 1 ? c : s);
}

float noise_radius(uint32_t w)
{
    return radius(w);
}

void noise_angle(uint32_t w, float *cosine, float *sine)
{
    angle(w, cosine, sine);
}

/* ---- the words of blocks first, first + 1, ...: philox4x32 of Random123, many counters at a time ---- */

typedef void drawer(uint32_t word[4][BLOCKS], const struct rng *r, uint64_t first);

static void draw_singly(uint32_t word[4][BLOCKS], const struct rng *r, uint64_t first)
{
    const philox4x32_key_t key = { { r->key[0], r->key[1] } };
    for (uint32_t b = 0; b < BLOCKS; b++) { /* BLOCKS divides 2^32: no carry */
        const philox4x32_ctr_t counter = { { (uint32_t)first + b, (uint32_t)(first >> 32), r->name[0], r->name[1] } };
        const philox4x32_ctr_t out = philox4x32(counter, key);
        for (int i = 0; i < 4; i++) word[i][b] = out.v[i];
    }
}

#ifdef X86_LEVELS
#include <immintrin.h>

/* Lanes of 32 bits a word.  The instruction multiplies every other lane, so high halves take two of them; AT_ONCE:
 * one product need not wait for another. */
enum { AT_ONCE = 4 };
#define DRAWER(function, level, LANES, MULTIPLY)                                                                     \
    typedef uint32_t function##_words __attribute__((vector_size(4 * (LANES)), may_alias));                          \
    typedef uint64_t function##_pairs __attribute__((vector_size(4 * (LANES)), may_alias));                          \
    __attribute__((target(level), always_inline)) static inline function##_words function##_high(function##_words x, \
                                                                                                 uint32_t by)        \
    {                                                                                                                \
        const function##_words m = (function##_words){ 0 } + by;                                                     \
        const function##_pairs even = (function##_pairs)MULTIPLY(x, m);                                              \
        const function##_pairs odd = (function##_pairs)MULTIPLY((function##_pairs)x >> 32, m);                       \
        return BLEND##LANES(even >> 32, odd);                                                                        \
    }                                                                                                                \
    __attribute__((target(level))) static void function(uint32_t word[4][BLOCKS], const struct rng *r,               \
                                                        uint64_t first)                                              \
    {                                                                                                                \
        typedef function##_words words;                                                                              \
        const words none = { 0 };                                                                                    \
        words count = none;                                                                                          \
        for (uint32_t i = 0; i < (LANES); i++) count[i] = (uint32_t)first + i;                                       \
        for (size_t b = 0; b < BLOCKS; b += AT_ONCE * (LANES)) {                                                     \
            words c[AT_ONCE][4];                                                                                     \
            uint32_t k0 = r->key[0], k1 = r->key[1];                                                                 \
            for (int v = 0; v < AT_ONCE; v++, count += (LANES)) {                                                    \
                c[v][0] = count;                                                                                     \
                c[v][1] = none + (uint32_t)(first >> 32);                                                            \
                c[v][2] = none + r->name[0];                                                                         \
                c[v][3] = none + r->name[1];                                                                         \
            }                                                                                                        \
            LANES_UNROLL for (int round = 0; round < 10;                                                             \
                              round++, k0 += PHILOX_W32_0, k1 += PHILOX_W32_1) for (int v = 0; v < AT_ONCE; v++)     \
            {                                                                                                        \
                const words high0 = function##_high(c[v][0], PHILOX_M4x32_0), low0 = c[v][0] * PHILOX_M4x32_0;       \
                const words high2 = function##_high(c[v][2], PHILOX_M4x32_1), low2 = c[v][2] * PHILOX_M4x32_1;       \
                c[v][0] = high2 ^ c[v][1] ^ k0;                                                                      \
                c[v][2] = high0 ^ c[v][3] ^ k1;                                                                      \
                c[v][1] = low2;                                                                                      \
                c[v][3] = low0;                                                                                      \
            }                                                                                                        \
            for (int v = 0; v < AT_ONCE; v++)                                                                        \
                for (int i = 0; i < 4; i++) memcpy(&word[i][b + (size_t)v * (LANES)], &c[v][i], 4 * (LANES));        \
        }                                                                                                            \
    }
#define MULTIPLY_V4(a, b)  _mm512_mul_epu32((__m512i)(a), (__m512i)(b))
#define MULTIPLY_V3(a, b)  _mm256_mul_epu32((__m256i)(a), (__m256i)(b))
#define BLEND16(even, odd) (draw_v4_words) _mm512_mask_blend_epi32(0xaaaa, (__m512i)(even), (__m512i)(odd))
#define BLEND8(even, odd)  (draw_v3_words) _mm256_blend_epi32((__m256i)(even), (__m256i)(odd), 0xaa)
DRAWER(draw_v4, X86_V4, 16, MULTIPLY_V4)
DRAWER(draw_v3, X86_V3, 8, MULTIPLY_V3)

static drawer *draw_best(void)
{
    if (x86_runs_v4()) return draw_v4;
    return x86_runs_v3() ? draw_v3 : draw_singly;
}
#else
static drawer *draw_best(void)
{
    return draw_singly;
}
#endif

/* ---- Gaussian numbers of them ---- */

CLONES static void shape_words(float *restrict out, const uint32_t *restrict of_radius,
                               const uint32_t *restrict of_angle)
{
    for (size_t b = 0; b < BLOCKS; b++) {
        const float r = radius(of_radius[b]);
        float c, s;
        angle(of_angle[b], &c, &s);
        out[b] = r * c;
        out[BLOCKS + b] = r * s;
    }
}

void noise_chunk(float out[NOISE_CHUNK], const struct rng *stream, uint64_t chunk)
{
    uint32_t word[4][BLOCKS];
    draw_best()(word, stream, chunk * BLOCKS);
    shape_words(out, word[0], word[1]);
    shape_words(out + 2 * BLOCKS, word[2], word[3]);
}
