#include "num/sparse.h"

#include "num/clones.h"
#include "num/real.h"

struct sparse sparse_open(struct sparse s, const uint8_t *mask, struct arena *a)
{
    size_t kept = 0, part = 0;
    for (size_t r = 0; r < s.rows; r++)
        for (size_t c = 0; c < s.columns; c++) kept += mask[r * s.row_step + c * s.column_step] != 0;
    s.blocks = (s.columns + SPARSE_BLOCK - 1) / SPARSE_BLOCK;
    s.first = ARENA_NEW(a, s.blocks * s.rows + 1, uint32_t);
    s.column = ARENA_NEW(a, kept + 1, uint32_t);
    kept = 0;
    for (size_t from = 0; from < s.columns; from += SPARSE_BLOCK)
        for (size_t r = 0; r < s.rows; r++) {
            for (size_t c = from; c < s.columns && c < from + SPARSE_BLOCK; c++)
                if (mask[r * s.row_step + c * s.column_step]) s.column[kept++] = (uint32_t)c;
            s.first[++part] = (uint32_t)kept;
        }
    return s;
}

bool sparse_fits(size_t n)
{
    return n % (64 / sizeof(real)) == 0;
}

#ifdef X86_LEVELS
/* 32 registers of 64 bytes. */
#define LEVEL(name)  name##_v4
#define LEVEL_TARGET __attribute__((target(X86_V4)))
#define LEVEL_BYTES  64
#define LEVEL_PANEL  3
#include "num/sparse_level.h"

/* 16 registers of 32 bytes. */
#define LEVEL(name)  name##_v3
#define LEVEL_TARGET __attribute__((target(X86_V3)))
#define LEVEL_BYTES  32
#define LEVEL_PANEL  6
#include "num/sparse_level.h"
#endif

/* 128 bits is what every machine has. */
#define LEVEL(name) name##_any
#define LEVEL_TARGET
#define LEVEL_BYTES 16
#define LEVEL_PANEL 4
#include "num/sparse_level.h"

static bool always(void)
{
    return true;
}

const struct sparse_level sparse_levels[] = {
#ifdef X86_LEVELS
    { "x86-64-v4", x86_runs_v4, multiply_v4, gradient_v4 },
    { "x86-64-v3", x86_runs_v3, multiply_v3, gradient_v3 },
#endif
    { "any", always, multiply_any, gradient_any },
    { .name = NULL },
};

static const struct sparse_level *best(void)
{
    static const struct sparse_level *level;
    if (!level)
        for (level = sparse_levels; !level->runs();) level++;
    return level;
}

void sparse_multiply(real *restrict out, const struct sparse *s, const real *w, const real *B, size_t n)
{
    best()->multiply(out, s, w, B, n);
}

void sparse_gradient(real *restrict out, real *restrict dw, const struct sparse *s, const real *w, const real *A,
                     const real *B, size_t n)
{
    best()->gradient(out, dw, s, w, A, B, n);
}
