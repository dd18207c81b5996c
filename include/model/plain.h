/** model/plain.h: networks as their formulas read, without any factoring: the oracle of the tests, and the way to
 * second derivatives.
 *
 *  Each is one source over `scalar` (num/scalar.h), so it is there twice: on doubles, and on dual numbers.
 */
#ifndef TOMBOLA_MODEL_PLAIN_H
#define TOMBOLA_MODEL_PLAIN_H

#include "base/arena.h"
#include "num/dataset.h"
#include "num/layout.h"
#include "num/scalar.h"

#include <stdbool.h>

/** Who is asked, before each example, whether to leave; once true it stays true.  A network that leaves returns at
 * once, and what it has written means nothing.  NULL: nobody. */
struct plain_guard {
    bool (*leave)(void *ctx);
    void *ctx;
};

static inline bool plain_leaves(const struct plain_guard *guard)
{
    return guard && guard->leave(guard->ctx);
}

/** shape: what layout was made for.  logits: (outputs, n).  If gradient is not NULL it receives d(loss)/d(theta) for
 * dlogits = d(loss)/d(logits). */
typedef void plain_network(const void *config, const struct task_shape *shape, const struct layout *layout,
                           const struct dataset *d, const double *theta, double *logits, const double *dlogits,
                           double *gradient, const struct plain_guard *guard);
typedef void dual_network(const void *config, const struct task_shape *shape, const struct layout *layout,
                          const struct dataset *d, const dual *theta, dual *logits, const dual *dlogits,
                          dual *gradient, const struct plain_guard *guard);

/** The mean loss of a network over a data set, as a function of its weights. */
struct plain_problem {
    plain_network *plain;
    dual_network *dual;
    const void *config;
    const struct task_shape *shape; /* NULL for a network that does not ask */
    const struct layout *layout;
    const struct dataset *data;
    size_t outputs;     /* rows of the logits                                     */
    int loss;           /* enum loss_kind, of what the network gives ...          */
    double temperature; /* ... divided by this                                    */
    const struct plain_guard *guard;
};

/** gradient = dL/d(theta).  All vectors: layout->n elements. */
void plain_gradient(const struct plain_problem *p, const double *theta, double *gradient, struct arena *scratch);

/** product = H v, H the Hessian of L at theta, to rounding: the gradient on dual numbers theta + h v.  Where an
 * activation has a kink the derivative is that of the side that the gradient takes. */
void plain_hessian_vector(const struct plain_problem *p, const double *theta, const double *v, double *product,
                          struct arena *scratch);

#endif
