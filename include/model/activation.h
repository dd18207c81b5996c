/** model/activation.h: nonlinearities, applied to whole arrays. */
#ifndef TOMBOLA_MODEL_ACTIVATION_H
#define TOMBOLA_MODEL_ACTIVATION_H

#include "num/real.h"

#include <stdbool.h>
#include <stddef.h>

enum activation_id { ACTIVATION_RELU, ACTIVATION_GELU, ACTIVATION_TANH, ACTIVATIONS };
extern const char *const activation_name[]; /* NULL-terminated; defined once, in model/activation_names.c */

#define activation_kinds REAL_NAME(activation_kinds)
#define activation_kind  REAL_NAME(activation_kind)

struct activation_kind {
    bool from_input; /* the derivative is a function of the input; otherwise of the output */
    void (*apply)(real *x, size_t n);
    /** d *= derivative at n points; at: their inputs or outputs, as from_input says. */
    void (*chain)(real *restrict d, const real *restrict at, size_t n);
};
extern const struct activation_kind activation_kinds[ACTIVATIONS];

#endif
