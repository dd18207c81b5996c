/** prune/magnitude.h: the mask that tickets and norm-matched networks share. */
#ifndef TOMBOLA_PRUNE_MAGNITUDE_H
#define TOMBOLA_PRUNE_MAGNITUDE_H

#include "prune/control.h"

#define mask_by_magnitude REAL_NAME(mask_by_magnitude)

/** mask keeps the largest |theta_t| of in, under the rule of mask_from_scores. */
void mask_by_magnitude(const struct control_input *in, uint8_t *mask, struct arena *scratch);

#endif
