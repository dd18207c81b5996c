/** net/attention_private.h: what the two files of attention share. */
#ifndef TOMBOLA_NET_ATTENTION_PRIVATE_H
#define TOMBOLA_NET_ATTENTION_PRIVATE_H

#include "net/graph.h"
#include "net/tape.h"

enum { CAUSAL, NO_MASK };

struct attention_keys {
    int64_t heads, d_head;
    int mask;
    bool bias;
    double mix;
};

/** src/net/attention_lower.c: attend as a part of the plain network. */
CHECKED int net_attention_lower(struct tape *t, const struct net_node *n, const int *in);

#endif
