/** measure/fourier.h: functions of a symbol 0, ..., p - 1 and their frequencies, for every measure that looks at
 * them. */
#ifndef TOMBOLA_MEASURE_FOURIER_H
#define TOMBOLA_MEASURE_FOURIER_H

#include "measure/measure.h"
#include "model/model.h"

/** Different frequencies of a real function of p symbols: 0, 1, ..., p/2. */
size_t fourier_frequencies(size_t symbols);
/** out (rows, frequencies) = |sum_x a[i, x] exp(-2 pi i w x / p)| of a (rows, p). */
void fourier_amplitudes(double *out, const double *a, size_t rows, size_t p, struct arena *scratch);
/** -sum p log p [nat], p_w = amplitude[w] / their sum, over from <= w < count; 0 if all of them are 0. */
double fourier_entropy(const double *amplitude, size_t from, size_t count);

#endif
