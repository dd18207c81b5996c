#include "num/blas.h"
#include "num/real.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>

#if TOMBOLA_REAL == 64
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

/* lda, ldb are the columns as stored. */
static void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, real *out, const real *A, const real *B, size_t m, size_t n,
                 size_t k, size_t lda, size_t ldb, real beta)
{
    assert(m > 0 && n > 0 && k > 0 && m <= INT_MAX && n <= INT_MAX && k <= INT_MAX);
    assert(out && A && B && out != A && out != B);
    GEMM(CblasRowMajor, ta, tb, (blasint)m, (blasint)n, (blasint)k, 1, A, (blasint)lda, B, (blasint)ldb, beta, out,
         (blasint)n);
}

void gemm_nn(real *out, const real *A, const real *B, size_t m, size_t n, size_t k, real beta)
{
    gemm(CblasNoTrans, CblasNoTrans, out, A, B, m, n, k, k, n, beta);
}

void gemm_nt(real *out, const real *A, const real *B, size_t m, size_t n, size_t k, real beta)
{
    gemm(CblasNoTrans, CblasTrans, out, A, B, m, n, k, k, k, beta);
}

void gemm_tn(real *out, const real *A, const real *B, size_t m, size_t n, size_t k, real beta)
{
    gemm(CblasTrans, CblasNoTrans, out, A, B, m, n, k, m, n, beta);
}

void gemm_tt(real *out, const real *A, const real *B, size_t m, size_t n, size_t k, real beta)
{
    gemm(CblasTrans, CblasTrans, out, A, B, m, n, k, m, k, beta);
}
