/* The half of model/activation.h that knows no precision. */
#include "model/activation.h"

const char *const activation_name[] = {
    [ACTIVATION_RELU] = "relu", [ACTIVATION_GELU] = "gelu", [ACTIVATION_TANH] = "tanh", [ACTIVATIONS] = 0
};
