#include "base/rng.h"
#include "base/hash.h"

#include <Random123/philox.h>
#include <math.h>
#include <string.h>

struct rng rng_open(uint64_t seed, const char *name)
{
    uint64_t h = id_of(name, strlen(name)).low;
    return (struct rng){ .key = { (uint32_t)seed, (uint32_t)(seed >> 32) },
                         .name = { (uint32_t)h, (uint32_t)(h >> 32) } };
}

static void refill(struct rng *r)
{
    philox4x32_ctr_t counter = { { (uint32_t)r->block, (uint32_t)(r->block >> 32), r->name[0], r->name[1] } };
    philox4x32_key_t key = { { r->key[0], r->key[1] } };
    philox4x32_ctr_t out = philox4x32(counter, key);
    for (int i = 0; i < 4; i++) r->word[i] = out.v[i];
    r->block++;
    r->left = 4;
}

uint32_t rng_u32(struct rng *r)
{
    if (r->left == 0) refill(r);
    return r->word[4 - r->left--];
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t high = rng_u32(r);
    return high << 32 | rng_u32(r);
}

double rng_uniform(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
    uint64_t reject = -bound % bound; /* 2^64 mod bound: draws below it would favour small values */
    uint64_t draw;
    do draw = rng_u64(r);
    while (draw < reject);
    return draw % bound;
}

double rng_normal(struct rng *r)
{
    double radius = sqrt(-2 * log(1 - rng_uniform(r)));
    return radius * cos(6.283185307179586476925 * rng_uniform(r));
}

void rng_shuffle(struct rng *r, uint32_t *order, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = rng_below(r, i);
        uint32_t swap = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swap;
    }
}
