/** measure/progress_private.h: what the files of the progress measures share.
 *
 *  p symbols, p odd.  The basis of functions of a symbol: row 0 of (p, p) is the constant, rows 2f - 1 and 2f are
 *  cos(2 pi f x / p) and sin(2 pi f x / p), f = 1, ..., (p-1)/2; each of length 1.
 */
#ifndef TOMBOLA_MEASURE_PROGRESS_PRIVATE_H
#define TOMBOLA_MEASURE_PROGRESS_PRIVATE_H

#include "measure/measure.h"

enum progress_rule { RULE_CORRECTED, RULE_PUBLISHED };
struct progress_config {
    int rule; /* enum progress_rule */
    double threshold;
    int keys;
};

static inline size_t progress_frequencies(size_t p)
{
    return (p - 1) / 2;
}

void progress_basis(double *out, size_t p, struct arena *scratch);

/** The logits of every pair of symbols, apart for the training examples, the test examples and the other pairs.
 *  A frequency f is given by its place f - 1; place (p-1)/2 is what the published code takes for frequency -1: in
 *  Python's counting from the end, rows p - 3 and p - 2 of the basis instead of a cosine and a sine. */
struct progress_logits;
struct progress_logits *progress_logits_open(const struct measure_probe *p, const double *basis, struct net *net);

/** Cross-entropies on all pairs, training and test examples: of the logits Z, of Z without their part along some
 *  frequencies, and of that part alone, with the mean over all pairs of what it lacks.  at: count places. */
enum { PROGRESS_SETS = 3 };
void progress_loss(struct progress_logits *z, double loss[PROGRESS_SETS]);
void progress_excluded(struct progress_logits *z, const size_t *at, size_t count, double loss[PROGRESS_SETS]);
void progress_restricted(struct progress_logits *z, const size_t *at, size_t count, double loss[PROGRESS_SETS]);
/** <B, Z> / |B|, B[(a, b), c] = cos(2 pi f (a + b - c) / p). */
double progress_cosine(const struct progress_logits *z, size_t at);

/** explained (neurons, frequencies): of the squared norm of each neuron's 2-D Fourier transform over all pairs, the
 *  mean removed, the fraction in the 3 x 3 block of basis functions {constant, cos f, sin f}^2.  NaN: never active.
 *  ERR_STOPPED. */
CHECKED int progress_explained(double *explained, const struct measure_probe *p, const double *basis, struct net *net,
                               struct err *e);

/** Every pair of p symbols, (a, b) at a p + b.  In the arena; without labels. */
struct dataset progress_pairs(size_t p, struct arena *a);

/** Sum over i = 1..n of (2i - n - 1) x_(i) / (n sum x), x ascending; NaN if the sum is 0.  x is sorted. */
double progress_gini(double *x, size_t n);

#endif
