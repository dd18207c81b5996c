/** num/select.h: scores -> mask. */
#ifndef TOMBOLA_NUM_SELECT_H
#define TOMBOLA_NUM_SELECT_H

#include "num/layout.h"
#include "num/real.h"

enum scope { SCOPE_GLOBAL, SCOPE_TENSOR };
extern const char *const scope_names[]; /* NULL-terminated */

#define mask_from_scores REAL_NAME(mask_from_scores)
#define mask_apply       REAL_NAME(mask_apply)

/** Prune the fraction k of the prunable weights with the smallest scores.
 *
 *  The rule of Minegishi et al.'s published code: of n scores (all prunable ones, or one tensor's), with
 *  q = (int)((1.0 - (1.0 - k)) * n) in double, the q-th smallest is the threshold; score <= threshold -> 0, else 1.
 *  q < 1 prunes nothing.  All ties at the threshold are pruned.  Weights that are not prunable get 1.
 *  score and mask: layout->n elements. */
void mask_from_scores(uint8_t *mask, const real *score, const struct layout *layout, double k, enum scope scope);
/** The same on doubles, for scores that are in double whatever `real` is. */
void mask_from_scores_f64(uint8_t *mask, const double *score, const struct layout *layout, double k,
                          enum scope scope);

/** theta *= mask. */
void mask_apply(real *theta, const uint8_t *mask, size_t n);

#endif
