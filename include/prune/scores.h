/** prune/scores.h: how much a weight matters at initialisation, by three methods; the smallest scores are pruned.
 *
 *  All in double, from the plain network, whatever the precision of the job is: scores are made once a job (or once a
 *  round), and which of two near weights goes must not hang on rounding.  The formulas are those of the code that
 *  Minegishi et al. (arXiv 2310.19470) used, which is that of Tanaka et al.; w: the network's weights, those of mask
 * 0 are 0 in theta; L: the mean loss over the whole training set.
 */
#ifndef TOMBOLA_PRUNE_SCORES_H
#define TOMBOLA_PRUNE_SCORES_H

#include "model/plain.h"

/** score: layout->n elements; those of weights that are not prunable mean nothing.  problem->temperature is used as
 * it is.  Scratch is taken, not given back. */
typedef void score_weights(double *score, const struct plain_problem *problem, const double *theta,
                           const uint8_t *mask, struct arena *scratch);

/** |w dL/dw|, divided by its sum over all prunable weights: the connection sensitivity of Lee et al., SNIP (arXiv
 *  1810.02340). */
score_weights scores_snip;

/** w (H g), g = dL/dw and H the Hessian of L, both over the prunable weights that are left, L that of the logits / T;
 *  divided by |sum of all| + 1e-10.  Wang et al., GraSP (arXiv 2002.07376): to take w away changes g'g by -2 w (H g)
 * to first order, so the largest keep the gradient flowing; theirs is -w (H g), of which the smallest are kept.  H g
 * is exact (plain_hessian_vector): a difference whose step flips a ReLU is wrong by orders of magnitude. */
score_weights scores_grasp;

/** |w| dR/d|w|, R = the sum of all logits over all examples and classes of the network with |w| in place of every w:
 *  the synaptic flow of Tanaka et al. (arXiv 2006.05467), but of the training set, not of an input of ones, and with
 * the network's own attention and activations. */
score_weights scores_synflow;

#endif
