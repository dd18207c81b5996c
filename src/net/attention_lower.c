/* Attention as the formula reads. */
#include "net/attention_private.h"

#include <math.h>

enum { Q, K, V };

/* Of (positions, heads * e) the columns of one head, (positions, e) or turned. */
static int head_part(struct tape *t, const struct net_node *n, int of, size_t head, bool turned)
{
    const struct attention_keys *k = n->keys;
    const size_t e = n->in.columns / (size_t)k->heads, P = n->in.positions, inner = e * (size_t)k->heads;
    int32_t *index = tape_gather(t, of, P * e);
    for (size_t p = 0; p < P; p++)
        for (size_t j = 0; j < e; j++) index[turned ? j * P + p : p * e + j] = (int32_t)(p * inner + head * e + j);
    return tape_last(t);
}

/* The weights of one head: (positions, positions). */
static int weigh(struct tape *t, const struct net_node *n, int q, int k_of_head)
{
    const struct attention_keys *k = n->keys;
    const size_t e = n->in.columns / (size_t)k->heads, P = n->in.positions;
    int score = tape_scale(t, tape_product(t, q, k_of_head, P, P, e), 1 / sqrt((double)e));
    if (k->mask == CAUSAL) {
        double *hidden = ARENA_NEW(t->arena, P * P, double);
        for (size_t i = 0; i < P * P; i++) hidden[i] = i % P > i / P ? -1e9 : 0;
        score = tape_add(t, score, tape_constant(t, hidden, P * P));
    }
    const int top = tape_spread(t, tape_max(t, score, P), P);
    const int power = tape_unary(t, tape_add(t, score, tape_scale(t, top, -1)), TAPE_EXP, 0);
    const int sum = tape_unary(t, tape_sum(t, power, P), TAPE_RECIPROCAL, 0);
    const int weights = tape_multiply(t, power, tape_spread(t, sum, P));
    if (k->mix >= 1) return weights;
    double *rest = ARENA_NEW(t->arena, P * P, double);
    for (size_t i = 0; i < P * P; i++) rest[i] = 1 - k->mix;
    return tape_add(t, tape_scale(t, weights, k->mix), tape_constant(t, rest, P * P));
}

int net_attention_lower(struct tape *t, const struct net_node *n, const int *in)
{
    const struct attention_keys *k = n->keys;
    const size_t e = n->in.columns / (size_t)k->heads, P = n->in.positions, inner = n->in.columns;
    int z = -1;
    for (size_t h = 0; h < (size_t)k->heads; h++) {
        const int w = weigh(t, n, head_part(t, n, in[Q], h, false), head_part(t, n, in[K], h, false));
        const int own = tape_product(t, w, head_part(t, n, in[V], h, true), P, e, P);
        int32_t *index = tape_gather(t, own, P * inner);
        for (size_t i = 0; i < P * inner; i++) index[i] = i % inner / e == h ? (int32_t)(i / inner * e + i % e) : -1;
        z = h ? tape_add(t, z, tape_last(t)) : tape_last(t);
    }
    return z;
}
