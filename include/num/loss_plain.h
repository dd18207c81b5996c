/** num/loss_plain.h: gradients of losses as their formulas read, on doubles and on dual numbers (num/scalar.h). */
#ifndef TOMBOLA_NUM_LOSS_PLAIN_H
#define TOMBOLA_NUM_LOSS_PLAIN_H

#include "num/dataset.h"
#include "num/scalar.h"

/** out = d(mean cross-entropy of logits / temperature)/d(logits); out and logits: (c, n), as in num/loss.h. */
void loss_gradient_plain(double *out, const double *logits, const struct dataset *d, size_t c, double temperature);
void loss_gradient_dual(dual *out, const dual *logits, const struct dataset *d, size_t c, double temperature);

#endif
