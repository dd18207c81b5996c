/** measure/llc.h: estimates of the local learning coefficient from the losses of a walk (measure/sgld.h). */
#ifndef TOMBOLA_MEASURE_LLC_H
#define TOMBOLA_MEASURE_LLC_H

#include <stdint.h>

enum { LLC_DEVINTERP, LLC_POST_UPDATE, LLC_SECOND_HALF, LLC_ESTIMATES };

/** out[i] = nbeta (mean of some of the losses[burn_in + draws + 1] - initial): before each draw, after each, after
 *  each of the second half. */
void llc_estimates(double out[LLC_ESTIMATES], const double *losses, int64_t burn_in, int64_t draws, double initial,
                   double nbeta);

#endif
