/** model/embed_mlp.h: the MLP of Minegishi et al. (arXiv 2310.19470) on sums of embedded symbols.
 *
 *      u = sum over the tokens t of W_inproj W_E[:,t]      h1 = act(u)      hl = act(W_hl h(l-1)), l = 2..layers
 *      logits = W_U' W_outproj h
 */
#ifndef TOMBOLA_MODEL_EMBED_MLP_H
#define TOMBOLA_MODEL_EMBED_MLP_H

#include "num/dataset.h"
#include "num/layout.h"

#include <stdint.h>

struct embed_mlp_config {
    int64_t d_embed, d_hidden, layers;
    int activation; /* enum activation_id */
    double init_scale;
};

/** The oracle of the tests: the same function and its gradient as the formula reads, in double, without any
 * factoring. logits: (classes, n).  If gradient is not NULL it receives d(loss)/d(theta) for dlogits (classes, n). */
void embed_mlp_plain(const struct embed_mlp_config *config, const struct layout *layout, const struct dataset *d,
                     const double *theta, double *logits, const double *dlogits, double *gradient);

#endif
