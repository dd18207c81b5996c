#include "prune/scores.h"

#include <math.h>

static double sum_of(const double *score, const struct layout *l)
{
    double sum = 0;
    for (int i = 0; i < l->count; i++)
        for (size_t j = 0; l->tensor[i].prunable && j < l->tensor[i].size; j++) sum += score[l->tensor[i].offset + j];
    return sum;
}

static void divide(double *score, size_t n, double by)
{
    for (size_t i = 0; i < n; i++) score[i] /= by;
}

void scores_snip(double *score, const struct plain_problem *problem, const double *theta, const uint8_t *mask,
                 struct arena *scratch)
{
    size_t n = problem->layout->n;
    (void)mask; /* a weight of 0 has the score 0 */
    plain_gradient(problem, theta, score, scratch);
    for (size_t i = 0; i < n; i++) score[i] = fabs(theta[i] * score[i]);
    double sum = sum_of(score, problem->layout);
    if (sum > 0) divide(score, n, sum);
}

/* v = 0 but where a weight may be pruned and is not yet. */
static void restrict_to_kept(double *v, const struct layout *l, const uint8_t *mask)
{
    for (int i = 0; i < l->count; i++) {
        const struct tensor *t = &l->tensor[i];
        for (size_t j = t->offset; j < t->offset + t->size; j++) v[j] = t->prunable && mask[j] ? v[j] : 0;
    }
}

void scores_grasp(double *score, const struct plain_problem *problem, const double *theta, const uint8_t *mask,
                  struct arena *scratch)
{
    size_t n = problem->layout->n;
    double *g = ARENA_NEW(scratch, n, double);
    plain_gradient(problem, theta, g, scratch);
    restrict_to_kept(g, problem->layout, mask);
    plain_hessian_vector(problem, theta, g, score, scratch);
    for (size_t i = 0; i < n; i++) score[i] *= theta[i];
    divide(score, n, fabs(sum_of(score, problem->layout)) + 1e-10);
}

void scores_synflow(double *score, const struct plain_problem *problem, const double *theta, const uint8_t *mask,
                    struct arena *scratch)
{
    size_t n = problem->layout->n, size = problem->outputs * problem->data->n;
    double *positive = ARENA_NEW(scratch, n, double), *logits = ARENA_NEW(scratch, size, double);
    double *ones = ARENA_NEW(scratch, size, double);
    (void)mask;
    for (size_t i = 0; i < n; i++) positive[i] = fabs(theta[i]);
    for (size_t i = 0; i < size; i++) ones[i] = 1;
    problem->plain(problem->config, problem->shape, problem->layout, problem->data, positive, logits, ones, score,
                   problem->guard);
    for (size_t i = 0; i < n; i++) score[i] = fabs(positive[i] * score[i]);
}
