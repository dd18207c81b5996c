/** num/mask.h: scores -> mask. */
#ifndef TOMBOLA_NUM_MASK_H
#define TOMBOLA_NUM_MASK_H

#include "num/layout.h"
#include "num/real.h"

enum scope { SCOPE_GLOBAL, SCOPE_TENSOR };
/** Of the weights whose score is that of the last to be pruned: all go, all stay, or as many as k says are drawn. */
enum ties { TIES_PRUNE, TIES_KEEP, TIES_DRAW };
extern const char *const scope_names[], *const ties_names[]; /* NULL-terminated */

/** One of ties_names. */
enum ties ties_find(const char *name);

struct cut {
    double k;
    enum scope scope;
    enum ties ties;
    uint64_t seed; /* of the stream "ties" */
};

#define mask_cut         REAL_NAME(mask_cut)
#define mask_from_scores REAL_NAME(mask_from_scores)
#define mask_apply       REAL_NAME(mask_apply)

/** Prune the fraction k of the prunable weights with the smallest scores.
 *
 *  The rule of Minegishi et al.'s published code: of n scores (all prunable ones, or one tensor's), with
 *  q = (int)((1.0 - (1.0 - k)) * n) in double, the q-th smallest is the threshold; score <= threshold -> 0, else 1.
 *  That prunes all ties at the threshold, which may be far more than q; TIES_KEEP prunes score < threshold, and
 *  TIES_DRAW exactly q.  q < 1 prunes nothing.  A score of -infinity is pruned wherever anything is.  Weights that
 *  are not prunable get 1.  score and mask: layout->n elements. */
void mask_cut(uint8_t *mask, const real *score, const struct layout *layout, const struct cut *cut);
/** The same on doubles, for scores that are in double whatever `real` is. */
void mask_cut_f64(uint8_t *mask, const double *score, const struct layout *layout, const struct cut *cut);
/** By the published rule: TIES_PRUNE. */
void mask_from_scores(uint8_t *mask, const real *score, const struct layout *layout, double k, enum scope scope);
void mask_from_scores_f64(uint8_t *mask, const double *score, const struct layout *layout, double k,
                          enum scope scope);

/** Of the prunable weights of a layout: how many there are, and how many a mask prunes. */
struct pruned {
    size_t prunable, pruned;
    int tensors; /* that have some */
};
struct pruned mask_count(const uint8_t *mask, const struct layout *layout);

/** theta *= mask. */
void mask_apply(real *theta, const uint8_t *mask, size_t n);

#endif
