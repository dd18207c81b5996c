/** base/rng.h: named random streams (Philox4x32-10 of Salmon et al., SC11, through Random123).
 *
 *  A stream is a name, a seed and a position; nothing else.  No draw depends on rank, order, or what any other stream
 *  has drawn, and any position can be reached at once.
 *
 *      struct rng r = rng_open(seed, "init/W_E");
 *      theta[i] = rng_normal(&r) * std;
 */
#ifndef TOMBOLA_BASE_RNG_H
#define TOMBOLA_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint32_t key[2], name[2]; /* seed; hash of the name                 */
    uint64_t block;           /* next counter                           */
    uint32_t word[4];         /* the block being used                   */
    int left;                 /* words not used yet                     */
};

struct rng rng_open(uint64_t seed, const char *name);
uint32_t rng_u32(struct rng *r);
uint64_t rng_u64(struct rng *r);
/** Uniform in [0, 1), a multiple of 2^-53. */
double rng_uniform(struct rng *r);
/** Uniform in 0..bound-1, without bias.  bound > 0. */
uint64_t rng_below(struct rng *r, uint64_t bound);
/** Standard normal (Box and Muller's cosine branch, two uniforms a draw). */
double rng_normal(struct rng *r);
/** Fisher and Yates: order becomes a uniformly random permutation of itself. */
void rng_shuffle(struct rng *r, uint32_t *order, size_t count);

#endif
