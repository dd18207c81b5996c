/** prune/magnitude.h: the mask that tickets and norm-matched networks share. */
#ifndef TOMBOLA_PRUNE_MAGNITUDE_H
#define TOMBOLA_PRUNE_MAGNITUDE_H

#include "prune/control.h"

#define magnitude_mask REAL_NAME(magnitude_mask)

/** mask keeps the largest |theta_t| of in, under the rule of mask_from_scores. */
void magnitude_mask(const struct control_input *in, uint8_t *mask, struct arena *scratch);

#endif
