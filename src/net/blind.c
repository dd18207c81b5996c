/* Does a list, whatever its weights, give an example what it gives to its mirror image?
 *
 *  Its tape is run on numbers modulo a prime.  Sums and products are exact, so that two of them that are equal as
 * polynomials of the weights are equal, and others almost never are; every other function is one whose values are
 * drawn at random, so that nothing is forgotten on the way, as it is by rounding in many layers.
 */
#include "net/net.h"

#include "base/hash.h"
#include "base/rng.h"
#include "net/operation.h"
#include "net/tape.h"

#include <string.h>

#define PRIME ((UINT64_C(1) << 61) - 1)

__extension__ typedef unsigned __int128 wide;

static uint64_t add(uint64_t a, uint64_t b)
{
    return (a + b) % PRIME;
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
    return (uint64_t)((wide)a * b % PRIME);
}

/* The value of a function that is none of these two. */
static uint64_t opaque(int function, double number, uint64_t x)
{
    uint64_t of[3] = { (uint64_t)function, 0, x };
    memcpy(&of[1], &number, sizeof number);
    return hash_sum(of, sizeof of) % PRIME;
}

static uint64_t number_of(double x)
{
    if (x >= 0 && x < 1e15 && x == (double)(uint64_t)x) return (uint64_t)x;
    if (x < 0) return (PRIME - number_of(-x)) % PRIME;
    return opaque(-1, x, 0);
}

static uint64_t function(const struct tape_entry *e, uint64_t x)
{
    uint64_t out = 1;
    if (e->function != TAPE_POWER) return opaque((int)e->function, e->number, x);
    for (int i = 0; i < (int)e->number; i++) out = multiply(out, x);
    return out;
}

static uint64_t product(const struct tape_entry *e, const uint64_t *a, const uint64_t *b)
{
    uint64_t sum = 0;
    for (size_t l = 0; l < e->k; l++) sum = add(sum, multiply(a[l], b[l]));
    return sum;
}

/* Of neighbours; the largest is a function of them all, in any order. */
static uint64_t together(const uint64_t *a, size_t k, bool sum)
{
    uint64_t out = 0;
    for (size_t j = 0; j < k; j++) out = add(out, sum ? a[j] : opaque(-2, 0, a[j]));
    return out;
}

static uint64_t value_at(const struct tape_entry *e, size_t i, const int32_t *token, uint64_t *const *value)
{
    const uint64_t *a = value[e->a], *b = value[e->b];
    switch (e->what) {
    case TAPE_CONSTANT: return number_of(e->value[i]);
    case TAPE_ONEHOT: return (size_t)token[e->first + i / e->k] == i % e->k;
    case TAPE_ROWS: return a[(size_t)token[e->first + i / e->k] * e->k + i % e->k];
    case TAPE_GATHER: return e->index[i] < 0 ? 0 : a[e->index[i]];
    case TAPE_PRODUCT: return product(e, a + i / e->n * e->k, b + i % e->n * e->k);
    case TAPE_ADD: return add(a[i], b[i]);
    case TAPE_MULTIPLY: return multiply(a[i], b[i]);
    case TAPE_SCALE: return multiply(number_of(e->number), a[i]);
    case TAPE_SUM: return together(a + i * e->k, e->k, true);
    case TAPE_MAX: return together(a + i * e->k, e->k, false);
    case TAPE_UNARY: return function(e, a[i]);
    default: return 0; /* numbers: an example has symbols */
    }
}

static void run(const struct tape *t, const int32_t *token, uint64_t *const *value)
{
    for (int j = 0; j <= tape_last(t); j++)
        for (size_t i = 0; i < t->entry[j].size && t->entry[j].what != TAPE_WEIGHTS; i++)
            value[j][i] = value_at(&t->entry[j], i, token, value);
}

bool net_blind(const void *config, const struct task_shape *shape, const int32_t *example, const int32_t *mirror)
{
    const struct net_config *c = config;
    struct arena a = { 0 };
    struct net_graph g;
    struct layout *layout = ARENA_NEW(&a, 1, struct layout);
    struct err e = { 0 };
    struct rng r = rng_open(0, "mirrors");
    if (net_read_text(&g, layout, c->net, shape, &a, &e)) BUG("%s", e.text);
    const struct tape t = net_tape(&g, &a);
    uint64_t *theta = ARENA_NEW(&a, layout->n, uint64_t), **value = ARENA_NEW(&a, t.count, uint64_t *);
    for (size_t i = 0; i < layout->n; i++) theta[i] = rng_below(&r, PRIME);
    for (size_t j = 0; j < t.count; j++)
        value[j] =
            t.entry[j].what == TAPE_WEIGHTS ? theta + t.entry[j].offset : ARENA_NEW(&a, t.entry[j].size, uint64_t);
    const size_t last = (size_t)tape_last(&t), bytes = t.entry[last].size * sizeof(uint64_t);
    uint64_t *first = ARENA_NEW(&a, t.entry[last].size, uint64_t);
    run(&t, example, value);
    memcpy(first, value[last], bytes);
    run(&t, mirror, value);
    const bool same = !memcmp(first, value[last], bytes);
    arena_release(&a);
    return same;
}
