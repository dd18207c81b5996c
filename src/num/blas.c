#include "num/blas.h"

#include "num/gemm.h"
#include "num/real.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>

#if TOMBOLA_REAL == 64
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

/* All shapes go the same way, so that the bits depend on the machine alone; without fused multiply-add or without our
 * own loops for the machine, that way is OpenBLAS. */
static void gemm(bool at, bool bt, real *out, const real *A, const real *B, size_t m, size_t n, size_t k, real beta)
{
    assert(m > 0 && n > 0 && k > 0 && m <= INT_MAX && n <= INT_MAX && k <= INT_MAX);
    assert(out && A && B && out != A && out != B);
    if (tile_best()->quick) {
        gemm_tiles(tile_best(), &(const struct matrices){ out, A, B, m, n, k, at, bt, beta });
        return;
    }
    GEMM(CblasRowMajor, at ? CblasTrans : CblasNoTrans, bt ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n,
         (blasint)k, 1, A, (blasint)(at ? m : k), B, (blasint)(bt ? k : n), beta, out, (blasint)n);
}

void blas_gemm_nn(real *out, const real *A, const real *B, size_t m, size_t n, size_t k, real beta)
{
    gemm(false, false, out, A, B, m, n, k, beta);
}

void blas_gemm_nt(real *out, const real *A, const real *B, size_t m, size_t n, size_t k, real beta)
{
    gemm(false, true, out, A, B, m, n, k, beta);
}

void blas_gemm_tn(real *out, const real *A, const real *B, size_t m, size_t n, size_t k, real beta)
{
    gemm(true, false, out, A, B, m, n, k, beta);
}

void blas_gemm_tt(real *out, const real *A, const real *B, size_t m, size_t n, size_t k, real beta)
{
    gemm(true, true, out, A, B, m, n, k, beta);
}
