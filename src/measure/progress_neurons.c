#define TOMBOLA_REAL 64
#include "base/order.h"
#include "measure/progress_private.h"

#include "model/model.h"
#include "num/blas.h"

#include <math.h>
#include <stdlib.h>

/* The sum of squares of transform[i, j], i and j in {0, 2f - 1, 2f}. */
static double block(const double *transform, size_t p, size_t f)
{
    const size_t of[] = { 0, 2 * f - 1, 2 * f };
    double sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(of); i++)
        for (size_t j = 0; j < ARRAY_LEN(of); j++) {
            const double x = transform[of[i] * p + of[j]];
            sum += x * x;
        }
    return sum;
}

/* Of one neuron. */
static void explain(double *explained, const double *active, const double *basis, size_t q, double *half,
                    double *transform)
{
    double sum = 0;
    blas_gemm_nt(half, active, basis, q, q, q, 0);
    blas_gemm_nn(transform, basis, half, q, q, q, 0);
    transform[0] = 0; /* the mean */
    for (size_t j = 0; j < q * q; j++) sum += transform[j] * transform[j];
    for (size_t f = 1; f <= progress_frequencies(q); f++)
        explained[f - 1] = sum > 0 ? block(transform, q, f) / sum : (double)NAN;
}

int progress_explained(double *explained, const struct measure_probe *p, const double *basis, struct net *net,
                       struct err *e)
{
    const size_t q = (size_t)p->at.shape->classes;
    const size_t neurons = (size_t)layout_find(p->at.layout, p->at.model->symbols->out)->dim[1];
    struct arena_mark m = arena_mark(p->scratch);
    const struct dataset pairs = progress_pairs(q, p->scratch);
    double *active = ARENA_NEW(p->scratch, neurons * q * q, double);
    double *half = ARENA_NEW(p->scratch, q * q, double), *transform = ARENA_NEW(p->scratch, q * q, double);
    int rc = 0;
    p->at.model->hidden(net, &pairs, active);
    for (size_t i = 0; i < neurons && !rc; i++) {
        rc = measure_tick(p, e);
        explain(explained + i * progress_frequencies(q), active + i * q * q, basis, q, half, transform);
    }
    arena_rewind(p->scratch, m);
    return rc;
}

double progress_gini(double *x, size_t n)
{
    double sum = 0, weighted = 0;
    qsort(x, n, sizeof *x, order_double);
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
        weighted += (2 * (double)i + 1 - (double)n) * x[i];
    }
    return sum > 0 ? weighted / ((double)n * sum) : (double)NAN;
}
