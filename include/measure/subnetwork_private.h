/** measure/subnetwork_private.h: one hidden layer of neurons on numbers, one output, and parts of it. */
#ifndef TOMBOLA_MEASURE_SUBNETWORK_PRIVATE_H
#define TOMBOLA_MEASURE_SUBNETWORK_PRIVATE_H

#include "measure/measure.h"

/** f(x) = bias + sum over the neurons i of out[i] act(W[i] . x + b[i]). */
struct layer {
    size_t neurons, inputs;
    const double *W, *b, *out; /* (neurons, inputs), [neurons] or NULL, [neurons] */
    double bias;
    void (*act)(double *x, size_t n);
};

/** The whole network and parts of it: the others' neurons give 0.  The set found at this checkpoint and what is left,
 * the set found at the last checkpoint and what is left of that. */
enum part { PART_FULL, PART_SET, PART_REST, PART_CIRCUIT, PART_OTHERS, PARTS };

/** out (PARTS, neurons): what each neuron adds to the output of each part. */
struct parts {
    const struct layer *layer;
    double *out;
};

/** The examples that sensitivity and arity look at: the first of a data set, as published. */
enum { LAYER_LOOKS = 100 };

/** hidden (n, neurons) of x (n, inputs). */
void layer_hidden(double *hidden, const struct layer *l, const double *x, size_t n);
/** -1, 0 or 1 of the output of each part: sign (n, PARTS), of hidden (n, neurons). */
void parts_signs(int8_t *sign, const struct parts *p, const double *hidden, size_t n, struct arena *scratch);

/** right[k]: examples of d whose label is the sign of the output of the last k neurons of the order, k = 0..neurons.
 */
void layer_count_top(size_t *right, const struct layer *l, const size_t *order, const struct dataset *d,
                     struct arena *scratch);

/** Of LAYER_LOOKS examples the mean number of inputs whose sign, changed alone, changes the output's; NaN if the
 * inputs are not all -1 or 1. */
CHECKED int parts_sensitivity(double value[PARTS], const struct parts *p, const struct dataset *d,
                              const struct measure_probe *probe, struct err *e);

/** The smallest number of inputs that a neuron can be left with: from its weights the cut smallest are removed for as
 * long as no output of the network on LAYER_LOOKS examples changes its sign; a binary search for the largest cut.
 * published: the code orders the weights by argsort's result where it should by their ranks. Each [neurons]. */
CHECKED int layer_arity(double *arity, double *published, const struct layer *l, const struct dataset *d,
                        const struct measure_probe *probe, struct err *e);

/** Places of x in ascending order, equals in theirs. */
void subnetwork_order(size_t *order, const double *x, size_t n, struct arena *scratch);

#endif
