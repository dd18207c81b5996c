/** num/eigen.h: eigenvalues of small symmetric matrices. */
#ifndef TOMBOLA_NUM_EIGEN_H
#define TOMBOLA_NUM_EIGEN_H

#include <stddef.h>

/** To about 1e-16 of the sum of the eigenvalues' sizes.  Cyclic Jacobi rotations (Golub and Van Loan, Matrix
 * Computations, 8.5), in one order of operations. a (n, n), symmetric, is destroyed.  value: descending, equal ones
 * in the order of their first places; row i of vector (n, n) is a unit vector that belongs to value[i], of either
 * sign.  About 50 n^3 operations. */
void eigen_symmetric(double *a, size_t n, double *value, double *vector);

#endif
