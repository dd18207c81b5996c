/** model/transformer.h: a transformer of one layer over a few symbols; only the last position is read.
 *
 *      x_s = W_E[:,token_s] (+ W_pos[s])
 *      A_hs = softmax over s of (W_Q^h x_last).(W_K^h x_s) / sqrt(d_head)
 *      r = x_last + sum over heads h and positions s of A_hs W_O^h W_V^h x_s
 *      logits = W_U' (r + W_out act(W_in r (+ b_in)) (+ b_out))
 *
 *  The defaults are the form of Minegishi et al. (arXiv 2310.19470): the symbols of the example and nothing else.
 *  With `equals` a symbol '=' of its own stands at the last position, as in Nanda et al. (arXiv 2301.05217).
 */
#ifndef TOMBOLA_MODEL_TRANSFORMER_H
#define TOMBOLA_MODEL_TRANSFORMER_H

#include "model/plain.h"

#include <stdbool.h>
#include <stdint.h>

struct transformer_config {
    int64_t d_model, heads, d_head, d_mlp; /* d_head 0: d_model / heads */
    bool equals, positional, biases, equals_logit;
    int activation; /* enum activation_id */
    double init_scale;
};

/** Of one head, the default worked out. */
static inline int64_t transformer_head_width(const struct transformer_config *c)
{
    return c->d_head ? c->d_head : c->d_model / c->heads;
}

plain_network transformer_plain; /* model/transformer_plain.c */
dual_network transformer_dual;

#endif
