/** model/embed_mlp.h: the MLP of Minegishi et al. (arXiv 2310.19470) on sums of embedded symbols.
 *
 *      u = sum over the tokens t of W_inproj W_E[:,t]      h1 = act(u)      hl = act(W_hl h(l-1)), l = 2..layers
 *      logits = W_U' W_outproj h
 */
#ifndef TOMBOLA_MODEL_EMBED_MLP_H
#define TOMBOLA_MODEL_EMBED_MLP_H

#include "model/plain.h"

#include <stdint.h>

struct embed_mlp_config {
    int64_t d_embed, d_hidden, layers;
    int activation; /* enum activation_id */
    double init_scale;
};

plain_network embed_mlp_plain; /* model/embed_mlp_plain.c */
dual_network embed_mlp_dual;

#endif
