/* The softmax over an example's few scores; examples are neighbours in memory, so that they share a vector. */
#include "model/transformer_private.h"
#include "num/clones.h"
#include "num/exp.h"
#include "num/real.h"

#include <string.h>

enum { BLOCK = 64 };

/* A of one head: sources lines, `line` elements apart. */
static void gather(const struct net *net, size_t head, real *A, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const real *S = net->S + (head * net->queries + net->query[i]) * net->rows;
        for (size_t s = 0; s < net->width; s++) A[s * net->most + i] = S[net->row[i * net->width + s]];
        if (net->equals) A[net->width * net->most + i] = S[net->rows - 1];
    }
}

CLONES static void softmax(real *A, size_t sources, size_t line, size_t n)
{
    real max[BLOCK];
    double sum[BLOCK];
    for (size_t first = 0; first < n; first += BLOCK, A += BLOCK) {
        size_t width = n - first < BLOCK ? n - first : BLOCK;
        for (size_t i = 0; i < width; i++) max[i] = A[i], sum[i] = 0;
        for (size_t s = 1; s < sources; s++)
            for (size_t i = 0; i < width; i++) max[i] = A[s * line + i] > max[i] ? A[s * line + i] : max[i];
        for (size_t s = 0; s < sources; s++)
            for (size_t i = 0; i < width; i++) {
                double e = exp_inline((double)A[s * line + i] - (double)max[i]);
                sum[i] += e;
                A[s * line + i] = (real)e;
            }
        for (size_t s = 0; s < sources; s++)
            for (size_t i = 0; i < width; i++) A[s * line + i] = (real)((double)A[s * line + i] / sum[i]);
    }
}

/* dA -> d(loss)/d(scores).  The weight of '=' is made up of the others', so its dA counts as 0. */
CLONES static void softmax_back(real *restrict dA, const real *restrict A, size_t sources, size_t line, size_t n)
{
    real dot[BLOCK];
    for (size_t first = 0; first < n; first += BLOCK, A += BLOCK, dA += BLOCK) {
        size_t width = n - first < BLOCK ? n - first : BLOCK;
        for (size_t i = 0; i < width; i++) dot[i] = 0;
        for (size_t s = 0; s < sources; s++)
            for (size_t i = 0; i < width; i++) dot[i] += A[s * line + i] * dA[s * line + i];
        for (size_t s = 0; s < sources; s++)
            for (size_t i = 0; i < width; i++) dA[s * line + i] = A[s * line + i] * (dA[s * line + i] - dot[i]);
    }
}

/* The transpose of gather: examples in order, so that the sums have one order. */
static void scatter(struct net *net, size_t head, const real *dA, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        real *dS = net->dS + (head * net->queries + net->query[i]) * net->rows;
        for (size_t s = 0; s < net->width; s++) dS[net->row[i * net->width + s]] += dA[s * net->most + i];
        if (net->equals) dS[net->rows - 1] += dA[net->width * net->most + i];
    }
}

void transformer_attend(struct net *net, size_t n)
{
    for (size_t h = 0; h < net->heads; h++) {
        real *A = net->A + h * net->sources * net->most;
        gather(net, h, A, n);
        softmax(A, net->sources, net->most, n);
    }
}

void transformer_attend_back(struct net *net, size_t n)
{
    memset(net->dS, 0, net->heads * net->queries * net->rows * sizeof(real));
    for (size_t h = 0; h < net->heads; h++) {
        size_t at = h * net->sources * net->most;
        if (net->equals) memset(net->dA + at + net->width * net->most, 0, n * sizeof(real));
        softmax_back(net->dA + at, net->A + at, net->sources, net->most, n);
        scatter(net, h, net->dA + at, n);
    }
}
