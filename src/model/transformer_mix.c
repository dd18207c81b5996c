/* Sums of table rows, a block of columns at a time. */
#include "model/transformer_private.h"
#include "num/clones.h"
#include "num/real.h"
#include "num/sums.h"

/* A cache line, in one register where there are such. */
typedef real line __attribute__((vector_size(64), may_alias));

enum { WIDE = 8, HALF = WIDE / 2 }; /* lines in a block of columns */

/* `lines` is a constant wherever this is called. */
CLONED_WITH_CALLER void mix_block(const struct net *net, real *out, const struct part *p, size_t column, size_t lines)
{
    const real *asking = net->T + net->heads * net->rows * net->wide + p->column + column;
    const real *T = net->T + p->column + column;
    for (size_t i = p->first; i < p->first + p->count; i++, out += p->width) {
        const uint32_t *row = net->row + i * net->width;
        line sum[WIDE];
        const line *base = (const line *)(asking + net->query[i] * net->wide);
        for (size_t l = 0; l < lines; l++) sum[l] = base[l];
        for (size_t h = 0; h < net->heads; h++)
            for (size_t s = 0; s < net->width; s++) {
                const line *t = (const line *)(T + (h * net->rows + row[s]) * net->wide);
                real weight = net->A[(h * net->sources + s) * net->most + i];
                for (size_t l = 0; l < lines; l++) sum[l] += weight * t[l];
            }
        for (size_t l = 0; l < lines; l++) ((line *)(out + column))[l] = sum[l];
    }
}

CLONES void transformer_mix(const struct net *net, real *out, const struct part *p)
{
    size_t column = 0;
    for (; column + WIDE * LANES <= p->width; column += WIDE * LANES) mix_block(net, out, p, column, WIDE);
    for (; column + HALF * LANES <= p->width; column += HALF * LANES) mix_block(net, out, p, column, HALF);
    for (; column < p->width; column += LANES) mix_block(net, out, p, column, 1);
}

CLONED_WITH_CALLER void back_block(struct net *net, const real *d, const struct part *p, size_t column, size_t lines)
{
    size_t at = p->column + column, queries = net->heads * net->rows;
    line *dot = (line *)net->dots;
    for (size_t i = p->first; i < p->first + p->count; i++, d += p->width) {
        const uint32_t *row = net->row + i * net->width;
        line slope[WIDE], *asking = (line *)(net->dT + (queries + net->query[i]) * net->wide + at);
        for (size_t l = 0; l < lines; l++) slope[l] = ((const line *)(d + column))[l];
        for (size_t l = 0; l < lines; l++) asking[l] += slope[l];
        for (size_t h = 0; h < net->heads; h++)
            for (size_t s = 0; s < net->width; s++, dot++) {
                size_t place = (h * net->rows + row[s]) * net->wide + at;
                const line *t = (const line *)(net->T + place);
                line *dt = (line *)(net->dT + place), sum = slope[0] * t[0];
                real weight = net->A[(h * net->sources + s) * net->most + i];
                for (size_t l = 1; l < lines; l++) sum += slope[l] * t[l];
                for (size_t l = 0; l < lines; l++) dt[l] += weight * slope[l];
                if (at > 0) sum += *dot;
                *dot = sum;
            }
    }
}

CLONES void transformer_mix_back(struct net *net, const real *d, const struct part *p)
{
    size_t column = 0;
    for (; column + WIDE * LANES <= p->width; column += WIDE * LANES) back_block(net, d, p, column, WIDE);
    for (; column + HALF * LANES <= p->width; column += HALF * LANES) back_block(net, d, p, column, HALF);
    for (; column < p->width; column += LANES) back_block(net, d, p, column, 1);
}

CLONES void transformer_mix_back_ends(struct net *net, size_t first, size_t count)
{
    real *dots = net->dots;
    for (size_t i = first; i < first + count; i++)
        for (size_t h = 0; h < net->heads; h++)
            for (size_t s = 0; s < net->width; s++, dots += LANES)
                net->dA[(h * net->sources + s) * net->most + i] = sums_lanes(dots, LANES);
}
