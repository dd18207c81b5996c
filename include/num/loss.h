/** num/loss.h: value, accuracy and gradient of a loss in one pass over the logits.
 *
 *  Sums and exponentials are in double whatever `real` is: the softmax is where float rounding shows (Prieto et al.,
 *  "Grokking at the edge of numerical stability").
 *
 *  Logits stand as (c, n): a row for each class, a column for each example.  Neighbours in memory are then different
 *  examples at the same class, so no sum runs across a vector register, however few the classes are.
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

#define softmax_cross_entropy          REAL_NAME(softmax_cross_entropy)
#define softmax_cross_entropy_gradient REAL_NAME(softmax_cross_entropy_gradient)

/** Mean of -log softmax(logits)[label] over n examples of c classes. */
struct loss_value softmax_cross_entropy(const real *logits, const int32_t *label, size_t n, size_t c);

/** The same value to the last bit, and d(loss)/d(logits) = (softmax - onehot) / n in place of the logits. */
struct loss_value softmax_cross_entropy_gradient(real *logits, const int32_t *label, size_t n, size_t c);

#endif
