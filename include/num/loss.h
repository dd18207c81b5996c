/** num/loss.h: value, accuracy and gradient of a loss in one pass over the logits.
 *
 *  Sums and exponentials are in double whatever `real` is: the softmax is where float rounding shows (Prieto et al.,
 *  "Grokking at the edge of numerical stability").
 */
#ifndef TOMBOLA_NUM_LOSS_H
#define TOMBOLA_NUM_LOSS_H

#include "num/real.h"

#include <stddef.h>
#include <stdint.h>

struct loss_value {
    double loss;     /* mean over the examples                                             */
    double accuracy; /* fraction with argmax(logits) == label, the first maximum wins      */
};

#define softmax_cross_entropy REAL_NAME(softmax_cross_entropy)

/** Mean of -log softmax(logits)[label] over n rows of c columns.  If gradient is not NULL it receives
 *  d(loss)/d(logits) = (softmax - onehot) / n; it may be logits itself. */
struct loss_value softmax_cross_entropy(const real *logits, const int32_t *label, size_t n, size_t c, real *gradient);

#endif
