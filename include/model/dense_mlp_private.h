/** model/dense_mlp_private.h: what the files of the dense MLP share; precision-free. */
#ifndef TOMBOLA_MODEL_DENSE_MLP_PRIVATE_H
#define TOMBOLA_MODEL_DENSE_MLP_PRIVATE_H

#include "base/field.h"
#include "model/dense_mlp.h"

extern const struct field dense_mlp_fields[];
CHECKED int dense_mlp_layout(const void *config, const struct task_shape *shape, struct layout *out, struct err *e);

#endif
