/** model/transformer_private.h: what the files of the transformer share.
 *
 *  Inputs are symbols, so all that depends on a symbol and its position alone stands in tables with a row for each
 *  (position, symbol): a *row*.  Without W_pos the positions share their rows.  The last position asks the *queries*:
 *  one if it is '=', else a row each.  Per example remain: a softmax over its scores, the sum
 *
 *      u = T[query] + sum over heads h and tokens s of A_hs T[h, row of token s]
 *
 *  of table rows, which hold the hidden layer's input and beside it what goes to the logits past that layer, and
 *  act(u) G with G = W_out' W_U.  Of the '=' the weights need no term of their own: A_h= = 1 - sum of the others, so
 *  T[h, row] stands for the difference to its row, and its row is part of T[query].
 */
#ifndef TOMBOLA_MODEL_TRANSFORMER_PRIVATE_H
#define TOMBOLA_MODEL_TRANSFORMER_PRIVATE_H

#include "model/activation.h"
#include "model/model.h"
#include "num/real.h"

#define transformer_prepare       REAL_NAME(transformer_prepare)
#define transformer_unfold        REAL_NAME(transformer_unfold)
#define transformer_attend        REAL_NAME(transformer_attend)
#define transformer_attend_back   REAL_NAME(transformer_attend_back)
#define transformer_mix           REAL_NAME(transformer_mix)
#define transformer_mix_back      REAL_NAME(transformer_mix_back)
#define transformer_mix_back_ends REAL_NAME(transformer_mix_back_ends)

/* Widths of tables are padded with zeros to multiples of this many elements, a cache line of floats. */
enum { PAD = 16, LANES = 64 / sizeof(real) };

struct net {
    const struct activation_kind *act;
    size_t d, d_head, heads, h, c;     /* d_model; d_mlp; rows of the logits            */
    size_t hp, cp, wide;               /* h and c padded, and their sum: a row of T     */
    size_t p, width, sources;          /* symbols of the task; tokens; tokens and '='   */
    size_t rows, queries, first_query; /* rows of X, and which of them ask              */
    size_t all_rows;                   /* heads * rows + queries: rows of T             */
    bool equals, positional;
    const struct tensor *W_E, *W_pos, *W_K, *W_Q, *W_V, *W_O, *W_in, *b_in, *W_out, *b_out, *W_U;
    const real *theta; /* bound by prepare */

    /* Functions of the weights alone, each with its gradient. */
    real *X, *dX;             /* (rows, d)                                                                      */
    real *Q, *dQ;             /* (heads, queries, d_head): W_Q^h x / sqrt(d_head)                               */
    real *B, *dB;             /* (heads, queries, d): Q^h W_K^h                                                 */
    real *S, *dS;             /* (heads, queries, rows): scores                                                 */
    real *O, *dO;             /* (heads, d, d_head): W_O by heads                                               */
    real *V, *dV;             /* (heads, rows, d_head): W_V^h x, less that of '=' but in its own row            */
    real *Z, *dZ;             /* (queries, d): x, and what '=' carries to itself                                */
    real *F, *dF;             /* (wide, d): W_in, and from row hp on W_U'                                       */
    real *T, *dT;             /* (all_rows, wide): V^h W_O^h' F' of the heads, then Z F' and the biases         */
    real *G, *dG;             /* (hp, cp): W_out' W_U                                                           */
    bool widen_first;         /* T by way of F W_O^h, not of V^h W_O^h': where that is less work    */
    size_t between_size;      /* elements of that product of one head                               */
    real *between, *dbetween; /* of all heads; of one                                               */

    /* Per example, in the order in which they are worked on. */
    size_t most, chunk;   /* examples: at most in all, and in one round                                      */
    size_t grain, grains; /* of the order of the examples: symbols in a group, groups                        */
    size_t *start;        /* and its counters                                                                */
    uint32_t *place;      /* [n]: of the data set's examples in that order                                   */
    uint32_t *row;        /* (n, width): rows of the tokens                                                  */
    uint32_t *query;      /* [n]                                                                             */
    real *A, *dA;         /* (heads, sources, most): attention weights                                       */
    real *Y;              /* (n, cp): logits, then their gradient                                            */
    real *U, *dU, *input; /* (chunk, hp): the hidden layer, its gradient, and its input if act->chain asks   */
    real *dots;           /* (chunk, heads * width, LANES): partial sums of dA                               */
};

/** transformer_tables.c: theta -> tables -> gradient. */
void transformer_prepare(struct net *net, const real *theta);
void transformer_unfold(struct net *net, real *gradient);

/** transformer_attention.c: scores -> A for n examples, and dA -> dS. */
void transformer_attend(struct net *net, size_t n);
void transformer_attend_back(struct net *net, size_t n);

/** A range of examples and of the columns of T. */
struct part {
    size_t first, count, column, width; /* column and width: multiples of PAD */
};

/** transformer_mix.c: out (count, width) = the sums of table rows of those examples. */
void transformer_mix(const struct net *net, real *out, const struct part *p);
/** Its transpose: from d (count, width) add to dT; to dots add d . T, or set it if the part begins at column 0. */
void transformer_mix_back(struct net *net, const real *d, const struct part *p);
/** dots -> dA of the examples first..first+count-1. */
void transformer_mix_back_ends(struct net *net, size_t first, size_t count);

#endif
