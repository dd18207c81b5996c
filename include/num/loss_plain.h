/** num/loss_plain.h: gradients of losses as their formulas read, on doubles and on dual numbers (num/scalar.h). */
#ifndef TOMBOLA_NUM_LOSS_PLAIN_H
#define TOMBOLA_NUM_LOSS_PLAIN_H

#include "num/dataset.h"
#include "num/scalar.h"

/** out = d(mean loss)/d(logits); loss: enum loss_kind, the exponentials in double; out and logits: (c, n), as in
 * num/loss.h, not the same. */
void loss_gradient_plain(int loss, double *out, const double *logits, const struct dataset *d, size_t c);
void loss_gradient_dual(int loss, dual *out, const dual *logits, const struct dataset *d, size_t c);

#endif
