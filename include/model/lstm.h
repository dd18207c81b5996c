/** model/lstm.h: a long short-term memory over symbols; the last state of the last layer is read.
 *
 *      x_t = row token_t of the embedding            layer 1 takes x_t; layer l > 1 takes h_t of layer l - 1
 *      (i, f, g, o) = W_ih input_t + b_ih + W_hh h_(t-1) + b_hh,  i, f, o through the sigmoid, g through tanh
 *      c_t = f c_(t-1) + i g      h_t = o tanh(c_t)      h_0 = c_0 = 0
 *      logits = W_fc h_T + b_fc
 *
 *  Tensors have the names and shapes of PyTorch's state dict (nn.Embedding, nn.LSTM, nn.Linear called embedding,
 * lstm, fc), and are drawn as there.  All `width` symbols of an example are read, padding too: it is a symbol like
 * others.
 */
#ifndef TOMBOLA_MODEL_LSTM_H
#define TOMBOLA_MODEL_LSTM_H

#include "model/plain.h"

#include <stdint.h>

enum { LSTM_LAYERS = 8 };

/** Tensors: the embedding, these of each layer, fc.weight, fc.bias. */
enum lstm_tensor { W_IH, W_HH, B_IH, B_HH, LSTM_TENSORS };
static inline const struct tensor *lstm_tensor(const struct layout *l, enum lstm_tensor what, size_t layer)
{
    return &l->tensor[1 + layer * LSTM_TENSORS + what];
}

struct lstm_config {
    int64_t d_embed, d_hidden, layers;
    double init_scale;
};

plain_network lstm_plain;
dual_network lstm_dual;

#endif
