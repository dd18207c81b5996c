/** model/dense_mlp.h: the plain multilayer perceptron, on numbers or on symbols.
 *
 *      v_0 = x, or of symbols their one-hot vectors one after the other
 *      v_l = act(W_l v_(l-1) + b_l), l = 1..layers
 *      outputs = output_scale (W_out v_layers + b_out), or with readout mean output_scale times the mean of v_layers
 *
 *  Merrill et al. (arXiv 2303.11873), Liu et al. (2210.01117).  With readout mean and activation quadratic it is the
 *  network of Kumar et al. (2310.06110): alpha / N times the sum over i of phi(w_i x), phi(u) = u + epsilon u^2 / 2.
 */
#ifndef TOMBOLA_MODEL_DENSE_MLP_H
#define TOMBOLA_MODEL_DENSE_MLP_H

#include "model/activation.h"
#include "model/plain.h"

#include <stdbool.h>
#include <stdint.h>

enum { DENSE_MLP_LAYERS = 16 };
enum { DENSE_MLP_QUADRATIC = ACTIVATIONS }; /* behind those of model/activation.h */
enum dense_mlp_init { INIT_NORMAL, INIT_UNIFORM };
enum dense_mlp_readout { READOUT_TRAINED, READOUT_MEAN };

struct dense_mlp_config {
    int64_t d_hidden, layers;
    bool biases, output_bias;
    int activation, init, readout; /* enum activation_id or the above */
    double epsilon, init_scale, output_scale;
    uint64_t prune, decay; /* sets of names: weights, biases, or tensors one by one */
};

plain_network dense_mlp_plain; /* model/dense_mlp_plain.c */
dual_network dense_mlp_dual;

#endif
