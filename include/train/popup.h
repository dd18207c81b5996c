/** train/popup.h: edge-popup: every weight has a score, and the network keeps the weights that score highest.
 *
 *  The network is theta * m, with m from the scores s of each tensor: the fraction k with the smallest |s| gets 0,
 * the rest 1 (Ramanujan et al., arXiv 1911.13299).  m is piecewise constant, so its derivative is taken straight
 * through: d(loss)/d(s) = d(loss)/d(theta m) * theta, and where autograd sees the |s| that is ranked, that times
 * sign(s).
 */
#ifndef TOMBOLA_TRAIN_POPUP_H
#define TOMBOLA_TRAIN_POPUP_H

#include "train/train.h"

#define popup_open      REAL_NAME(popup_open)
#define popup_network   REAL_NAME(popup_network)
#define popup_gradients REAL_NAME(popup_gradients)

/** The scores themselves and their moments belong to struct train_state. */
struct popup {
    double k;
    bool through_abs; /* the gradient by s has the factor sign(s) */
    const struct optimizer_kind *optimizer;
    const void *optimizer_config;

    uint8_t *mask;  /* of the last popup_network         */
    real *network;  /* theta * mask                      */
    real *gradient; /* d(loss)/d(scores), straight through */
};

/** Allocates the vectors, of n elements each; the rest is the caller's. */
void popup_open(struct popup *p, size_t n, struct arena *a);

/** mask and network, from weights and scores as they are now. */
void popup_network(struct popup *p, const struct layout *layout, const real *theta, const real *scores);

/** p->gradient, and gradient, which comes in as d(loss)/d(network), goes out as d(loss)/d(theta): 0 where the mask
 * is. */
void popup_gradients(struct popup *p, const real *theta, const real *scores, real *gradient, size_t n);

#endif
