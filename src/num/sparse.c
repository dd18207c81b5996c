#include "num/sparse.h"

#include "num/clones.h"
#include "num/real.h"

enum { LANES = 64 / sizeof(real), VECTORS = 3, GROUP = 4 };
typedef real vec __attribute__((vector_size(64), aligned(sizeof(real)), may_alias));
#if TOMBOLA_REAL == 64
typedef long long lanes __attribute__((vector_size(64)));
#else
typedef int lanes __attribute__((vector_size(64)));
#endif
#define EACH(i, n) _Pragma("GCC unroll 8") for (int i = 0; i < (n); i++)

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
    return n % LANES == 0;
}

CLONED_WITH_CALLER void add_row(vec *sum, real m, const real *b, const int vectors)
{
    EACH(v, vectors) sum[v] += m * ((const vec *)b)[v];
}

/* A panel: columns of the dense matrices that fill `vectors` registers, a constant where it is inlined. */
CLONED_WITH_CALLER void multiply(real *restrict out, const struct sparse *s, const real *w, const real *B, size_t n,
                                 const int vectors)
{
    const uint32_t *first = s->first;
    for (size_t block = 0; block < s->blocks; block++)
        for (size_t r = 0; r < s->rows; r++, first++) {
            const real *row = w + r * s->row_step;
            vec sum[VECTORS] = { { 0 } }, next[VECTORS] = { { 0 } }, *to = (vec *)(out + r * n);
            size_t i = first[0];
            for (; i + 1 < first[1]; i += 2) {
                add_row(sum, row[s->column[i] * s->column_step], B + s->column[i] * n, vectors);
                add_row(next, row[s->column[i + 1] * s->column_step], B + s->column[i + 1] * n, vectors);
            }
            if (i < first[1]) add_row(sum, row[s->column[i] * s->column_step], B + s->column[i] * n, vectors);
            EACH(v, vectors) to[v] = sum[v] + next[v] + (block ? to[v] : (vec){ 0 });
        }
}

CLONES void sparse_multiply(real *restrict out, const struct sparse *s, const real *w, const real *B, size_t n)
{
    size_t j = 0;
    for (; j + VECTORS * LANES <= n; j += VECTORS * LANES) multiply(out + j, s, w, B + j, n, VECTORS);
    for (; j < n; j += LANES) multiply(out + j, s, w, B + j, n, 1);
}

/* Lane g of *out = the sum of the lanes of dot[g]: neighbours first, then pairs of them, and so on. */
CLONED_WITH_CALLER void sum_lanes(vec *out, vec *dot)
{
    EACH(level, 2)
    {
        const int s = 1 << level;
        lanes even = { 0 }, odd = { 0 };
        for (int i = 0; i < LANES; i++) {
            even[i] = i & s ? LANES + (i ^ s) : i;
            odd[i] = i & s ? LANES + i : i ^ s;
        }
        EACH(g, GROUP / 2)
        if (g < GROUP >> (level + 1))
            dot[g] = __builtin_shuffle(dot[2 * g], dot[2 * g + 1], even) +
                     __builtin_shuffle(dot[2 * g], dot[2 * g + 1], odd);
    }
    EACH(fold, LANES / GROUP / 2)
    {
        lanes other = { 0 };
        for (int i = 0; i < LANES; i++) other[i] = i ^ GROUP << fold;
        dot[0] += __builtin_shuffle(dot[0], other);
    }
    *out = dot[0];
}

/* Of `count` <= GROUP kept entries of a row; sum += their part of M B. */
CLONED_WITH_CALLER void group(vec *sum, real *dw, const struct sparse *s, const uint32_t *column, const int count,
                              const real *w, const vec *a, const real *B, size_t n, const int vectors, bool add)
{
    vec dot[GROUP] = { { 0 } }, dots;
    EACH(g, count)
    {
        const vec *b = (const vec *)(B + column[g] * n);
        const real m = w[column[g] * s->column_step];
        EACH(v, vectors)
        {
            sum[v] += m * b[v];
            dot[g] = v ? dot[g] + a[v] * b[v] : a[v] * b[v];
        }
    }
    sum_lanes(&dots, dot);
    EACH(g, count)
    {
        real *to = dw + column[g] * s->column_step;
        *to = add ? *to + dots[g] : dots[g];
    }
}

CLONED_WITH_CALLER void gradient(real *restrict out, real *restrict dw, const struct sparse *s, const real *w,
                                 const real *A, const real *B, size_t n, const int vectors, bool add)
{
    const uint32_t *first = s->first;
    for (size_t block = 0; block < s->blocks; block++)
        for (size_t r = 0; r < s->rows; r++, first++) {
            const size_t row = r * s->row_step;
            vec sum[VECTORS] = { { 0 } }, a[VECTORS], *to = (vec *)(out + r * n);
            EACH(v, vectors) a[v] = ((const vec *)(A + r * n))[v];
            size_t i = first[0];
            for (; i + GROUP <= first[1]; i += GROUP)
                group(sum, dw + row, s, s->column + i, GROUP, w + row, a, B, n, vectors, add);
            const size_t rest = first[1] - i;
            if (rest == 1) group(sum, dw + row, s, s->column + i, 1, w + row, a, B, n, vectors, add);
            if (rest == 2) group(sum, dw + row, s, s->column + i, 2, w + row, a, B, n, vectors, add);
            if (rest == 3) group(sum, dw + row, s, s->column + i, 3, w + row, a, B, n, vectors, add);
            EACH(v, vectors) to[v] = sum[v] + (block ? to[v] : (vec){ 0 });
        }
}

CLONES void sparse_gradient(real *restrict out, real *restrict dw, const struct sparse *s, const real *w,
                            const real *A, const real *B, size_t n)
{
    size_t j = 0;
    for (; j + VECTORS * LANES <= n; j += VECTORS * LANES)
        gradient(out + j, dw, s, w, A + j, B + j, n, VECTORS, j > 0);
    for (; j < n; j += LANES) gradient(out + j, dw, s, w, A + j, B + j, n, 1, j > 0);
}
