/** num/loss.h: value, accuracy and gradient of a loss in one pass over the logits.
 *
 *  Sums and exponentials are in double whatever `real` is: the softmax is where float rounding shows (Prieto et al.,
 *  "Grokking at the edge of numerical stability", arXiv 2501.04697).  Who studies just that asks for LOSS_FLOAT32.
 *
 *  Logits stand as (c, n): a row for each class, a column for each example.  Neighbours in memory are then different
 *  examples at the same class, so no sum runs across a vector register, however few the classes are.
 */
#ifndef TOMBOLA_NUM_LOSS_H
#define TOMBOLA_NUM_LOSS_H

#include "base/err.h"
#include "num/dataset.h"
#include "num/real.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loss_value {
    double loss;     /* mean over the examples                                                      */
    double accuracy; /* fraction with argmax(logits) == label, the first maximum wins; of one output
                        the sign must be the label's, and 0 has none; of targets the fraction that
                        struct loss calls a hit, or NaN                                             */
};

/** On n examples of c outputs f; y is -1 for label 0 and +1 for label 1. */
enum loss_kind {
    LOSS_CROSS_ENTROPY,        /* -log softmax(f)[label]; labels, c > 1                                  */
    LOSS_MSE,                  /* mean over n c of (f - target)^2; labels: the target is y, for c > 1 one-hot */
    LOSS_HINGE,                /* max(0, 1 - f y); labels, c = 1; its slope at 1 - f y = 0 is -y         */
    LOSS_BINARY_CROSS_ENTROPY, /* log(1 + exp(-f y)); labels, c = 1                                      */
    LOSSES
};
extern const char *const loss_name[]; /* NULL-terminated */

/** What the exponentials are taken and summed in.  Float: as PyTorch does with float logits. */
enum loss_precision { LOSS_DOUBLE, LOSS_FLOAT32 };
extern const char *const loss_precision_name[]; /* NULL-terminated */

struct formula;
struct loss {
    int kind, precision;
    const struct formula *hit; /* of the outputs y and the target, for all of an example's outputs; NULL: none */
};

/** ERR_SPEC if it does not go with so many outputs or such examples, or LOSS_FLOAT32 with it. */
CHECKED int loss_check(const struct loss *loss, size_t outputs, bool regression, struct err *e);

#define loss_evaluate                  REAL_NAME(loss_evaluate)
#define loss_gradient                  REAL_NAME(loss_gradient)
#define softmax_cross_entropy          REAL_NAME(softmax_cross_entropy)
#define softmax_cross_entropy_gradient REAL_NAME(softmax_cross_entropy_gradient)

/** A loss that loss_check accepts, on the labels or targets of d; c: rows of the logits. */
struct loss_value loss_evaluate(const struct loss *loss, const real *logits, const struct dataset *d, size_t c);

/** The same value to the last bit, and d(loss)/d(logits) in place of the logits. */
struct loss_value loss_gradient(const struct loss *loss, real *logits, const struct dataset *d, size_t c);

/** Mean of -log softmax(logits)[label] over n examples of c classes. */
struct loss_value softmax_cross_entropy(const real *logits, const int32_t *label, size_t n, size_t c);

/** The same value to the last bit, and d(loss)/d(logits) = (softmax - onehot) / n in place of the logits. */
struct loss_value softmax_cross_entropy_gradient(real *logits, const int32_t *label, size_t n, size_t c);

#endif
