#include "num/noise.h"

#include "num/clones.h"

#include <Random123/philox.h>
#include <math.h>
#include <string.h>

enum { BLOCKS = NOISE_CHUNK / 4 };

/* sqrt(-2 log u).  log: 2^e m with m in [sqrt(1/2), sqrt(2)), and the polynomial of Cephes' logf. */
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
    p = p * f - 1.1514610310e-1F;
    p = p * f + 1.1676998740e-1F;
    p = p * f - 1.2420140846e-1F;
    p = p * f + 1.4249322787e-1F;
    p = p * f - 1.6668057665e-1F;
    p = p * f + 2.0000714765e-1F;
    p = p * f - 2.4999993993e-1F;
    p = p * f + 3.3333331174e-1F;
    const float log_u = (p * f * f2 - 2.12194440e-4F * power - 0.5F * f2 + f) + 0.693359375F * power;
    return sqrtf(-2 * log_u);
}

/* 30 bits: an angle within pi / 4 of 0, by Cephes' polynomials; two: which of four arcs it stands in.  An arc is
 * reached by a reflection at the diagonal, or at 0, or at both, so that no quadrant needs a branch. */
CLONED_WITH_CALLER void angle(uint32_t w, float *cosine, float *sine)
{
    const float x = (float)((int32_t)w >> 2) * (0x1.921fb6p-1F * 0x1p-29F), z = x * x;
    const float c =
        ((2.443315711809948e-5F * z - 1.388731625493765e-3F) * z + 4.166664568298827e-2F) * z * z - 0.5F * z + 1;
    const float s = ((-1.9515295891e-4F * z + 8.3321608736e-3F) * z - 1.6666654611e-1F) * z * x + x;
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

CLONES static void draw_words(uint32_t word[restrict 4][BLOCKS], const struct rng *r, uint64_t first)
{
    const philox4x32_key_t key = { { r->key[0], r->key[1] } };
    const uint32_t name0 = r->name[0], name1 = r->name[1];
    for (uint32_t b = 0; b < BLOCKS; b++) { /* BLOCKS divides 2^32: no carry */
        const philox4x32_ctr_t counter = { { (uint32_t)first + b, (uint32_t)(first >> 32), name0, name1 } };
        const philox4x32_ctr_t out = philox4x32(counter, key);
        word[0][b] = out.v[0];
        word[1][b] = out.v[1];
        word[2][b] = out.v[2];
        word[3][b] = out.v[3];
    }
}

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
    draw_words(word, stream, chunk * BLOCKS);
    shape_words(out, word[0], word[1]);
    shape_words(out + 2 * BLOCKS, word[2], word[3]);
}
