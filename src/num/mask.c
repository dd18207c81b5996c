#include "num/mask.h"
#include "base/rng.h"
#include "num/real.h"

#include <math.h>
#include <string.h>

/* A number as an integer of the same order: radix selection counts digits of it. */
static uint64_t sort_key(real score)
{
    double value = (double)score;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static double key_value(uint64_t key)
{
    uint64_t bits = key >> 63 ? key & ~(UINT64_C(1) << 63) : ~key;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A run of the flat vector: one tensor, or all. */
struct scores {
    const struct layout *layout;
    const real *score;
    int first, last; /* tensors first..last-1 */
};

static size_t count_scores(const struct scores *s)
{
    size_t n = 0;
    for (int i = s->first; i < s->last; i++) n += s->layout->tensor[i].prunable ? s->layout->tensor[i].size : 0;
    return n;
}

/* How often each next byte occurs among the keys that begin with prefix (the bits above shift + 8). */
static void count_digits(const struct scores *s, uint64_t prefix, int shift, size_t count[256])
{
    memset(count, 0, 256 * sizeof *count);
    uint64_t above = shift == 56 ? 0 : ~UINT64_C(0) << (shift + 8);
    for (int i = s->first; i < s->last; i++) {
        const struct tensor *t = &s->layout->tensor[i];
        const real *score = s->score + t->offset;
        for (size_t j = 0; t->prunable && j < t->size; j++) {
            uint64_t key = sort_key(score[j]);
            if ((key & above) == prefix) count[key >> shift & 255]++;
        }
    }
}

/* The rank-th smallest score, from 1: eight passes, no copy, no sort. */
static double nth_smallest(const struct scores *s, size_t rank)
{
    uint64_t prefix = 0;
    for (int shift = 56; shift >= 0; shift -= 8) {
        size_t count[256];
        count_digits(s, prefix, shift, count);
        uint64_t digit = 0;
        while (count[digit] < rank) rank -= count[digit++];
        prefix |= digit << shift;
    }
    return key_value(prefix);
}

/* Those at the threshold, and how many of them are to go. */
struct tied {
    double at;
    size_t count, pruned;
};

static struct tied find_tied(const struct scores *s, size_t pruned)
{
    struct tied found = { .at = nth_smallest(s, pruned), .pruned = pruned };
    for (int i = s->first; i < s->last; i++) {
        const struct tensor *t = &s->layout->tensor[i];
        const real *score = s->score + t->offset;
        for (size_t j = 0; t->prunable && j < t->size; j++) {
            found.pruned -= (double)score[j] < found.at;
            found.count += (double)score[j] == found.at;
        }
    }
    return found;
}

/* The next of the tied: each choice of as many as are to go is as likely as any other (Knuth's algorithm S). */
static bool goes(struct tied *tied, enum ties ties, struct rng *r)
{
    if (ties != TIES_DRAW || isinf(tied->at)) return ties == TIES_PRUNE || isinf(tied->at);
    const bool chosen = rng_below(r, tied->count--) < tied->pruned;
    tied->pruned -= chosen;
    return chosen;
}

static void mask_group(uint8_t *mask, const struct scores *s, const struct cut *cut, struct rng *r)
{
    const size_t pruned = (size_t)((1.0 - (1.0 - cut->k)) * (double)count_scores(s));
    struct tied tied = { 0 };
    if (pruned) tied = find_tied(s, pruned);
    for (int i = s->first; i < s->last; i++) {
        const struct tensor *t = &s->layout->tensor[i];
        const real *score = s->score + t->offset;
        uint8_t *m = mask + t->offset;
        for (size_t j = 0; j < t->size; j++) {
            const bool asked = t->prunable && pruned && (double)score[j] <= tied.at;
            m[j] = !(asked && ((double)score[j] < tied.at || goes(&tied, cut->ties, r)));
        }
    }
}

void mask_cut(uint8_t *mask, const real *score, const struct layout *layout, const struct cut *cut)
{
    const bool all = cut->scope == SCOPE_GLOBAL;
    const int groups = all ? 1 : layout->count;
    struct rng r = rng_open(cut->seed, "ties");
    for (int i = 0; i < groups; i++) {
        const struct scores s = { layout, score, i, all ? layout->count : i + 1 };
        mask_group(mask, &s, cut, &r);
    }
}

void mask_from_scores(uint8_t *mask, const real *score, const struct layout *layout, double k, enum scope scope)
{
    mask_cut(mask, score, layout, &(struct cut){ .k = k, .scope = scope });
}

void mask_apply(real *theta, const uint8_t *mask, size_t n)
{
    for (size_t i = 0; i < n; i++) theta[i] = mask[i] ? theta[i] : 0;
}
