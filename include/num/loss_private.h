/** num/loss_private.h: what the files of num/loss.h share. */
#ifndef TOMBOLA_NUM_LOSS_PRIVATE_H
#define TOMBOLA_NUM_LOSS_PRIVATE_H

#include "num/loss.h"

#define loss_one_output      REAL_NAME(loss_one_output)
#define loss_squares         REAL_NAME(loss_squares)
#define loss_softmax_float32 REAL_NAME(loss_softmax_float32)

/** out: d(loss)/d(logits), may be the logits themselves; NULL: not wanted. */
struct loss_value loss_one_output(const struct loss *loss, const real *logits, const int32_t *label, size_t n,
                                  real *out);
struct loss_value loss_squares(const struct loss *loss, const real *logits, const struct dataset *d, size_t c,
                               real *out);
struct loss_value loss_softmax_float32(const real *logits, const int32_t *label, size_t n, size_t c, real *out);

#endif
