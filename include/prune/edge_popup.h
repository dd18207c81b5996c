/** prune/edge_popup.h: the keys of the control edge_popup, which job/trainer.c turns into a trainer's struct popup.
 */
#ifndef TOMBOLA_PRUNE_EDGE_POPUP_H
#define TOMBOLA_PRUNE_EDGE_POPUP_H

#include "prune/control.h"

enum edge_popup_weights { EDGE_POPUP_FROZEN, EDGE_POPUP_TRAINED };
enum edge_popup_scores { EDGE_POPUP_MAGNITUDE, EDGE_POPUP_KAIMING, EDGE_POPUP_RANDOM };
enum edge_popup_gradient { EDGE_POPUP_PLAIN, EDGE_POPUP_THROUGH_ABS };

struct edge_popup_config {
    int weights, scores, gradient;
    int score_optimizer; /* index of edge_popup_optimizers; score_KEY is its key KEY */
    double score_lr, score_momentum, score_weight_decay;
};

extern const char *const edge_popup_optimizers[]; /* names of the registry, NULL-terminated */

#endif
