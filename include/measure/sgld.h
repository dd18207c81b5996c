/** measure/sgld.h: a random walk about given weights (stochastic gradient Langevin dynamics), the only part of a
 *  measure that is computed in the precision that the job was trained in. */
#ifndef TOMBOLA_MEASURE_SGLD_H
#define TOMBOLA_MEASURE_SGLD_H

#include "measure/measure.h"
#include "num/noise.h"

struct model_kind_f32;

/** w <- w - epsilon/2 (nbeta grad L(w) + weight_decay w + gamma (w - w0)) + sqrt(epsilon) noise z, z standard normal,
 *  where the mask is 1; L: mean loss of the training set, or of a minibatch of it. */
struct sgld {
    const struct measure_probe *probe; /* w0 is its theta */
    double epsilon, gamma, noise, weight_decay, nbeta;
    double bound;         /* of L: above it the walk has left                                     */
    int64_t steps, batch; /* batch: 0 or >= the training set: all of it                           */
    const char *stream;   /* z is that of "STREAM/noise", minibatches those of "STREAM/batch/PASS" */

    /** NOISE_CHUNK normal numbers z from room or elsewhere, for weights from NOISE_CHUNK * chunk on; NULL: those of
     *  the stream. */
    const float *(*draw)(const void *ctx, int64_t step, uint64_t chunk, float *room);
    const void *ctx;
};

/** losses[steps + 1]: L before each step, on what the step sees, and after the last; last [n], or NULL: where the
 * walk ended.  *left: the number of steps after which the loss was above the bound or not a number, where the walk
 * ended; -1: it did not.  ERR_STOPPED. */
CHECKED int sgld_walk_f32(const struct sgld *s, const struct model_kind_f32 *model, double *losses, int64_t *left,
                          double *last, struct err *e);
CHECKED int sgld_walk_f64(const struct sgld *s, const struct model_kind_f64 *model, double *losses, int64_t *left,
                          double *last, struct err *e);

#endif
