#include "num/eigen.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { SWEEPS = 60 };

/* The rotation by (c, s) of rows p and q of m (n, n). */
static void rotate_rows(double *m, size_t n, size_t p, size_t q, double c, double s)
{
    double *x = m + p * n, *y = m + q * n;
    for (size_t i = 0; i < n; i++) {
        const double u = x[i], v = y[i];
        x[i] = c * u - s * v;
        y[i] = s * u + c * v;
    }
}

static void rotate_columns(double *m, size_t n, size_t p, size_t q, double c, double s)
{
    for (size_t i = 0; i < n; i++) {
        const double u = m[i * n + p], v = m[i * n + q];
        m[i * n + p] = c * u - s * v;
        m[i * n + q] = s * u + c * v;
    }
}

/* Make a[p, q] zero; false if it is as good as that: not above `small`. */
static bool rotate(double *a, double *vector, size_t n, size_t p, size_t q, double small)
{
    const double off = a[p * n + q];
    if (fabs(off) <= small) return false;
    const double slope = (a[q * n + q] - a[p * n + p]) / (2 * off);
    const double t = (slope < 0 ? -1 : 1) / (fabs(slope) + sqrt(1 + slope * slope));
    const double c = 1 / sqrt(1 + t * t), s = t * c;
    rotate_columns(a, n, p, q, c, s);
    rotate_rows(a, n, p, q, c, s);
    a[p * n + q] = a[q * n + p] = 0;
    rotate_rows(vector, n, p, q, c, s);
    return true;
}

static void swap_pairs(double *value, double *vector, size_t n, size_t i, size_t j)
{
    const double kept = value[i];
    value[i] = value[j];
    value[j] = kept;
    for (size_t k = 0; k < n; k++) {
        const double v = vector[i * n + k];
        vector[i * n + k] = vector[j * n + k];
        vector[j * n + k] = v;
    }
}

void eigen_symmetric(double *a, size_t n, double *value, double *vector)
{
    bool moved = true;
    double trace = 0;
    for (size_t i = 0; i < n; i++) trace += fabs(a[i * n + i]);
    const double small = 1e-17 * trace;
    memset(vector, 0, n * n * sizeof *vector);
    for (size_t i = 0; i < n; i++) vector[i * n + i] = 1;
    for (int sweep = 0; sweep < SWEEPS && moved; sweep++) {
        moved = false;
        for (size_t p = 0; p < n; p++)
            for (size_t q = p + 1; q < n; q++) moved = rotate(a, vector, n, p, q, small) || moved;
    }
    for (size_t i = 0; i < n; i++) value[i] = a[i * n + i];
    for (size_t i = 0; i < n; i++) {
        size_t best = i;
        for (size_t j = i + 1; j < n; j++)
            if (value[j] > value[best]) best = j;
        if (best != i) swap_pairs(value, vector, n, i, best);
    }
}
