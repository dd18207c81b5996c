#include "model/plain.h"

#include "num/loss_plain.h"

#include <complex.h>

void plain_gradient(const struct plain_problem *p, const double *theta, double *gradient, struct arena *scratch)
{
    const struct dataset *d = p->data;
    size_t size = p->outputs * d->n;
    double *logits = ARENA_NEW(scratch, size, double), *dlogits = ARENA_NEW(scratch, size, double);
    p->plain(p->config, p->shape, p->layout, d, theta, logits, NULL, NULL, p->guard);
    for (size_t i = 0; i < size; i++) logits[i] /= p->temperature;
    loss_gradient_plain(p->loss, dlogits, logits, d, p->outputs);
    for (size_t i = 0; i < size; i++) dlogits[i] /= p->temperature;
    p->plain(p->config, p->shape, p->layout, d, theta, logits, dlogits, gradient, p->guard);
}

void plain_hessian_vector(const struct plain_problem *p, const double *theta, const double *v, double *product,
                          struct arena *scratch)
{
    const struct dataset *d = p->data;
    size_t size = p->outputs * d->n, n = p->layout->n;
    dual *logits = ARENA_NEW(scratch, size, dual), *dlogits = ARENA_NEW(scratch, size, dual);
    dual *moved = ARENA_NEW(scratch, n, dual), *gradient = ARENA_NEW(scratch, n, dual);
    for (size_t i = 0; i < n; i++) moved[i] = CMPLX(theta[i], DUAL_STEP * v[i]);
    p->dual(p->config, p->shape, p->layout, d, moved, logits, NULL, NULL, p->guard);
    for (size_t i = 0; i < size; i++) logits[i] /= p->temperature;
    loss_gradient_dual(p->loss, dlogits, logits, d, p->outputs);
    for (size_t i = 0; i < size; i++) dlogits[i] /= p->temperature;
    p->dual(p->config, p->shape, p->layout, d, moved, logits, dlogits, gradient, p->guard);
    for (size_t i = 0; i < n; i++) product[i] = cimag(gradient[i]) / DUAL_STEP;
}
