/** num/blas.h: row-major matrix products in one thread: own loops (num/gemm.h) where they are compiled for the
 * machine, OpenBLAS elsewhere.
 *
 *  All matrices are dense and row-major with no padding; shapes read (rows, columns).  out must not overlap an input.
 */
#ifndef TOMBOLA_NUM_BLAS_H
#define TOMBOLA_NUM_BLAS_H

#include "num/real.h"

#include <stddef.h>

#define blas_gemm_nn REAL_NAME(blas_gemm_nn)
#define blas_gemm_nt REAL_NAME(blas_gemm_nt)
#define blas_gemm_tn REAL_NAME(blas_gemm_tn)
#define blas_gemm_tt REAL_NAME(blas_gemm_tt)

/** out (m,n) = beta out + A B, where A and B are as named: n = plain, t = transposed.
 *  The stored shapes: nn A (m,k) B (k,n); nt A (m,k) B (n,k); tn A (k,m) B (k,n); tt A (k,m) B (n,k). */
void blas_gemm_nn(real *out, const real *A, const real *B, size_t m, size_t n, size_t k, real beta);
void blas_gemm_nt(real *out, const real *A, const real *B, size_t m, size_t n, size_t k, real beta);
void blas_gemm_tn(real *out, const real *A, const real *B, size_t m, size_t n, size_t k, real beta);
void blas_gemm_tt(real *out, const real *A, const real *B, size_t m, size_t n, size_t k, real beta);

/** Defined once, in num/blas_info.c.  Hold BLAS to one thread and flush denormals to zero; call once per process,
 * before any product. */
void blas_open(void);
/** Threads that BLAS uses: 1 after blas_open. */
int blas_threads(void);
/** "OpenBLAS 0.3.21 Haswell, own loops for x86-64-v3": what the running binary really uses; "..., others for any":
 * the compiler could make only products for that level. */
const char *blas_version(void);

#endif
