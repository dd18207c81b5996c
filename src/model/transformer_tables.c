/* The half of the transformer that does not see the data: theta -> tables, and back. */
#include "model/transformer_private.h"
#include "num/blas.h"
#include "num/clones.h"
#include "num/real.h"
#include "num/transpose.h"

#include <math.h>
#include <string.h>

static const real *weights(const struct net *net, const struct tensor *t)
{
    return net->theta + t->offset;
}

CLONES static void add(real *restrict out, const real *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] += x[i];
}

CLONES static void subtract(real *restrict out, const real *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] -= x[i];
}

CLONES static void multiply(real *x, real factor, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] *= factor;
}

static real score_scale(const struct net *net)
{
    return (real)(1 / sqrt((double)net->d_head));
}

/* Where a position's rows begin; '=' has the last row. */
static size_t first_row(const struct net *net, size_t position)
{
    if (position == net->width) return net->rows - 1;
    return net->positional ? position * net->p : 0;
}

static size_t symbols_at(const struct net *net, size_t position)
{
    return position == net->width ? 1 : net->p;
}

static void embed(struct net *net)
{
    size_t d = net->d, groups = net->positional ? net->width : 1, symbols = net->p + net->equals;
    for (size_t g = 0; g < groups; g++) {
        const struct transpose t = { .rows = d, .columns = net->p, .out_line = d, .in_line = symbols };
        transpose_lines(net->X + g * net->p * d, weights(net, net->W_E), &t);
    }
    for (size_t j = 0; net->equals && j < d; j++)
        net->X[(net->rows - 1) * d + j] = weights(net, net->W_E)[j * symbols + net->p];
    for (size_t s = 0; net->positional && s < net->sources; s++)
        for (size_t i = 0; i < symbols_at(net, s); i++)
            add(net->X + (first_row(net, s) + i) * d, weights(net, net->W_pos) + s * d, d);
}

static void embed_back(struct net *net, real *gradient)
{
    size_t d = net->d, symbols = net->p + net->equals;
    real *dW_E = gradient + net->W_E->offset;
    for (size_t s = 0; net->positional && s < net->sources; s++) {
        real *dW_pos = gradient + net->W_pos->offset + s * d;
        memset(dW_pos, 0, d * sizeof(real));
        for (size_t i = 0; i < symbols_at(net, s); i++) add(dW_pos, net->dX + (first_row(net, s) + i) * d, d);
    }
    for (size_t s = 1; net->positional && s < net->width; s++) add(net->dX, net->dX + s * net->p * d, net->p * d);
    const struct transpose t = { .rows = net->p, .columns = d, .out_line = symbols, .in_line = d };
    transpose_lines(dW_E, net->dX, &t);
    for (size_t j = 0; net->equals && j < d; j++) dW_E[j * symbols + net->p] = net->dX[(net->rows - 1) * d + j];
}

/* The scores of every query and row, by way of B^h = Q^h W_K^h: where there are few queries no keys are worked out.
 */
static void score(struct net *net)
{
    size_t d = net->d, k = net->d_head, q = net->queries;
    const real *asking = net->X + net->first_query * d;
    for (size_t h = 0; h < net->heads; h++) {
        real *Q = net->Q + h * q * k, *B = net->B + h * q * d;
        blas_gemm_nt(Q, asking, weights(net, net->W_Q) + h * k * d, q, k, d, 0);
        multiply(Q, score_scale(net), q * k);
        blas_gemm_nn(B, Q, weights(net, net->W_K) + h * k * d, q, d, k, 0);
        blas_gemm_nt(net->S + h * q * net->rows, B, net->X, q, net->rows, d, 0);
    }
}

static void score_back(struct net *net, real *gradient)
{
    size_t d = net->d, k = net->d_head, q = net->queries;
    const real *asking = net->X + net->first_query * d;
    for (size_t h = 0; h < net->heads; h++) {
        real *dQ = net->dQ + h * q * k, *dB = net->dB + h * q * d;
        const real *dS = net->dS + h * q * net->rows, *W_K = weights(net, net->W_K) + h * k * d;
        blas_gemm_nn(dB, dS, net->X, q, d, net->rows, 0);
        blas_gemm_tn(net->dX, dS, net->B + h * q * d, net->rows, d, q, 1);
        blas_gemm_tn(gradient + net->W_K->offset + h * k * d, net->Q + h * q * k, dB, k, d, q, 0);
        blas_gemm_nt(dQ, dB, W_K, q, k, d, 0);
        multiply(dQ, score_scale(net), q * k);
        blas_gemm_tn(gradient + net->W_Q->offset + h * k * d, dQ, asking, k, d, q, 0);
        blas_gemm_nn(net->dX + net->first_query * d, dQ, weights(net, net->W_Q) + h * k * d, q, d, k, 1);
    }
}

/* W_O (d, heads * d_head) by heads (heads, d, d_head), or the way back. */
static void split_heads(const struct net *net, real *by_head, const real *W_O)
{
    size_t k = net->d_head;
    for (size_t h = 0; h < net->heads; h++)
        for (size_t j = 0; j < net->d; j++)
            memcpy(by_head + (h * net->d + j) * k, W_O + (j * net->heads + h) * k, k * sizeof(real));
}

static void join_heads(const struct net *net, real *W_O, const real *by_head)
{
    size_t k = net->d_head;
    for (size_t h = 0; h < net->heads; h++)
        for (size_t j = 0; j < net->d; j++)
            memcpy(W_O + (j * net->heads + h) * k, by_head + (h * net->d + j) * k, k * sizeof(real));
}

/* V of the heads.  '=' gives all it carries to its query, and the others keep the difference. */
static void carry(struct net *net)
{
    size_t d = net->d, k = net->d_head, rows = net->rows, last = rows - 1;
    split_heads(net, net->O, weights(net, net->W_O));
    memcpy(net->Z, net->X + net->first_query * d, net->queries * d * sizeof(real));
    for (size_t h = 0; h < net->heads; h++) {
        real *V = net->V + h * rows * k;
        blas_gemm_nt(V, net->X, weights(net, net->W_V) + h * k * d, rows, k, d, 0);
        if (!net->equals) continue;
        blas_gemm_nt(net->Z, V + last * k, net->O + h * d * k, 1, d, k, 1);
        for (size_t r = 0; r < last; r++) subtract(V + r * k, V + last * k, k);
    }
}

/* Begins dX; adds to the dO and dV of project_back. */
static void carry_back(struct net *net, real *gradient)
{
    size_t d = net->d, k = net->d_head, rows = net->rows, last = rows - 1;
    for (size_t h = 0; h < net->heads; h++) {
        real *dV = net->dV + h * rows * k, *V = net->V + h * rows * k, *dO = net->dO + h * d * k;
        if (net->equals) {
            blas_gemm_tn(dO, net->dZ, V + last * k, d, k, 1, 1);
            blas_gemm_nn(dV + last * k, net->dZ, net->O + h * d * k, 1, k, d, 0);
            for (size_t r = 0; r < last; r++) subtract(dV + last * k, dV + r * k, k);
        }
        blas_gemm_tn(gradient + net->W_V->offset + h * k * d, dV, net->X, k, d, rows, 0);
        blas_gemm_nn(net->dX, dV, weights(net, net->W_V) + h * k * d, rows, d, k, h > 0);
    }
    add(net->dX + net->first_query * d, net->dZ, net->queries * d);
    join_heads(net, gradient + net->W_O->offset, net->dO);
}

/* T^h = V^h W_O^h' F': one of the two products comes first, by way of `between`. */
static void project_head(struct net *net, size_t h)
{
    size_t d = net->d, k = net->d_head, rows = net->rows, wide = net->wide;
    const real *V = net->V + h * rows * k, *O = net->O + h * d * k;
    real *T = net->T + h * rows * wide, *between = net->between + h * net->between_size;
    if (net->widen_first) {
        blas_gemm_nn(between, net->F, O, wide, k, d, 0);
        blas_gemm_nt(T, V, between, rows, wide, k, 0);
    } else {
        blas_gemm_nt(between, V, O, rows, d, k, 0);
        blas_gemm_nt(T, between, net->F, rows, wide, d, 0);
    }
}

static void project_head_back(struct net *net, size_t h)
{
    size_t d = net->d, k = net->d_head, rows = net->rows, wide = net->wide;
    const real *V = net->V + h * rows * k, *O = net->O + h * d * k, *dT = net->dT + h * rows * wide;
    const real *between = net->between + h * net->between_size;
    real *dV = net->dV + h * rows * k, *dO = net->dO + h * d * k, *dbetween = net->dbetween;
    if (net->widen_first) {
        blas_gemm_tn(dbetween, dT, V, wide, k, rows, 0);
        blas_gemm_nn(dV, dT, between, rows, k, wide, 0);
        blas_gemm_nt(net->dF, dbetween, O, wide, d, k, 1);
        blas_gemm_tn(dO, net->F, dbetween, d, k, wide, 0);
    } else {
        blas_gemm_nn(dbetween, dT, net->F, rows, d, wide, 0);
        blas_gemm_tn(net->dF, dT, between, wide, d, rows, 1);
        blas_gemm_tn(dO, dbetween, V, d, k, rows, 0);
        blas_gemm_nn(dV, dbetween, O, rows, k, d, 0);
    }
}

/* F, and the products that meet in the hidden layer and in the logits. */
static void project(struct net *net)
{
    size_t d = net->d;
    real *out = net->F + net->hp * d, *asking = net->T + net->heads * net->rows * net->wide;
    memcpy(net->F, weights(net, net->W_in), net->h * d * sizeof(real));
    const struct transpose t = { .rows = d, .columns = net->c, .out_line = d, .in_line = net->c };
    transpose_lines(out, weights(net, net->W_U), &t);
    for (size_t h = 0; h < net->heads; h++) project_head(net, h);
    blas_gemm_nt(asking, net->Z, net->F, net->queries, net->wide, d, 0);
    blas_gemm_tt(net->G, weights(net, net->W_out), out, net->h, net->cp, d, 0);
    if (!net->b_in) return;
    real *bias = net->dG; /* free until backward */
    blas_gemm_nt(bias, weights(net, net->b_out), out, 1, net->cp, d, 0);
    for (size_t q = 0; q < net->queries; q++) {
        add(asking + q * net->wide, weights(net, net->b_in), net->h);
        add(asking + q * net->wide + net->hp, bias, net->cp);
    }
}

static void bias_back(struct net *net, real *gradient)
{
    size_t d = net->d;
    const real *dT = net->dT + net->heads * net->rows * net->wide;
    real *sum = net->T; /* of dT over the queries; T itself is done with */
    memcpy(sum, dT, net->wide * sizeof(real));
    for (size_t q = 1; q < net->queries; q++) add(sum, dT + q * net->wide, net->wide);
    memcpy(gradient + net->b_in->offset, sum, net->h * sizeof(real));
    blas_gemm_nn(gradient + net->b_out->offset, sum + net->hp, net->F + net->hp * d, 1, d, net->cp, 0);
    blas_gemm_tn(net->dF + net->hp * d, sum + net->hp, weights(net, net->b_out), net->cp, d, 1, 1);
}

static void project_back(struct net *net, real *gradient)
{
    size_t d = net->d;
    const real *dasking = net->dT + net->heads * net->rows * net->wide;
    real *dout = net->dF + net->hp * d;
    blas_gemm_nn(net->dZ, dasking, net->F, net->queries, d, net->wide, 0);
    blas_gemm_tn(net->dF, dasking, net->Z, net->wide, d, net->queries, 0);
    for (size_t h = 0; h < net->heads; h++) project_head_back(net, h);
    blas_gemm_tt(dout, net->dG, weights(net, net->W_out), net->cp, d, net->h, 1);
    blas_gemm_tt(gradient + net->W_out->offset, net->F + net->hp * d, net->dG, d, net->h, net->cp, 0);
    if (net->b_in) bias_back(net, gradient);
    memcpy(gradient + net->W_in->offset, net->dF, net->h * d * sizeof(real));
    const struct transpose t = { .rows = net->c, .columns = d, .out_line = net->c, .in_line = d };
    transpose_lines(gradient + net->W_U->offset, dout, &t);
}

void transformer_prepare(struct net *net, const real *theta)
{
    net->theta = theta;
    embed(net);
    score(net);
    carry(net);
    project(net);
}

void transformer_unfold(struct net *net, real *gradient)
{
    project_back(net, gradient);
    carry_back(net, gradient);
    score_back(net, gradient);
    embed_back(net, gradient);
}
