/** num/noise.h: Gaussian noise for whole vectors, fast enough for a draw at every weight in every step.
 *
 *  The words are those of a named stream (base/rng.h), four a block; the numbers are made of them by Box and Muller's
 *  method in float, by products, fused sums and square roots alone: the same bits on every machine.
 */
#ifndef TOMBOLA_NUM_NOISE_H
#define TOMBOLA_NUM_NOISE_H

#include "base/rng.h"

enum { NOISE_CHUNK = 1024 };

/** Standard normal numbers, at most 6.7 from 0, a function of the stream (not of what was drawn from it) and of the
 *  number of the chunk.  Chunk c is made of blocks 256 c + b, b = 0, ..., 255, of words w0, ..., w3:
 *  out[b], out[256 + b] = r(w0) (cos a(w1), sin a(w1)), out[512 + b] and out[768 + b] likewise of w2 and w3, where
 *  r(w) = sqrt(-2 log u), u = (floor(w / 2) + 1/2) / 2^31, and a(w) is uniform over the circle. */
void noise_chunk(float out[NOISE_CHUNK], const struct rng *stream, uint64_t chunk);

/** r(w), cos a(w) and sin a(w). */
float noise_radius(uint32_t w);
void noise_angle(uint32_t w, float *cosine, float *sine);

#endif
