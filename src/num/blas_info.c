/* The half of num/blas.h that knows no precision. */
#include "base/text.h"
#include "num/blas.h"

#include "num/clones.h"
#include "num/tile.h"

#include <cblas.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Weights that decay towards zero pass through the denormals, where x86 is a hundred times slower. */
static void flush_denormals(void)
{
#if defined(__x86_64__)
    enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x0040 };
    _mm_setcsr(_mm_getcsr() | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
#elif defined(__aarch64__)
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr | UINT64_C(1) << 24));
#endif
}

void blas_open(void)
{
    openblas_set_num_threads(1);
    flush_denormals();
}

int blas_threads(void)
{
    return openblas_get_num_threads();
}

/* openblas_get_config: "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ... SkylakeX MAX_THREADS=64". */
const char *blas_version(void)
{
    static char text[96];
    const char *config = openblas_get_config();
    const char *number = strchr(config, ' ');
    const int length = number ? (int)strcspn(number + 1, " ") : 0;
#ifdef CLONES_NONE
    const char *others = ", others for any";
#else
    const char *others = "";
#endif
    const bool own = tile_best()->quick;
    text_brief(text, sizeof text, "OpenBLAS %.*s %s%s%s%s", length, number ? number + 1 : "", openblas_get_corename(),
               own ? ", own loops for " : "", own ? tile_best()->name : "", own ? others : "");
    return text;
}
