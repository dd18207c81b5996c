/** model/lstm_private.h: what the files of the LSTM share.
 *
 *  Examples that begin alike have the same states for as long as they are alike, so a step has a *row* for each
 *  different beginning, not for each example: reviews that are padded on the left share the work on their padding.
 *  Rows of all steps stand one after the other, step by step; each knows its parent, the row of its beginning one
 * step shorter.  Row 0 is the state of zeros before the first step.
 */
#ifndef TOMBOLA_MODEL_LSTM_PRIVATE_H
#define TOMBOLA_MODEL_LSTM_PRIVATE_H

#include "model/lstm.h"
#include "model/model.h"
#include "num/real.h"

#define lstm_layer      REAL_NAME(lstm_layer)
#define lstm_arrange    REAL_NAME(lstm_arrange)
#define lstm_take       REAL_NAME(lstm_take)
#define lstm_cells      REAL_NAME(lstm_cells)
#define lstm_cells_back REAL_NAME(lstm_cells_back)

struct lstm_layer {
    const struct tensor *W_ih, *W_hh, *b_ih, *b_hh;
    size_t inputs;
    real *into, *again; /* W_ih' (inputs, 4h), not of the first layer; W_hh' (h, 4h)      */
    real *bias;         /* [4h] b_ih + b_hh                                              */
    real *gates;        /* (rows, 4h): i f g o, then the gradient by what was squashed   */
    real *state;        /* (rows, h): c                                                  */
    real *out, *before; /* (rows, h): h, and that of the parent                          */
};

struct net {
    size_t p, width, e, h, layers, c; /* symbols; tokens an example; embedding; hidden; rows of the logits */
    const struct tensor *embedding, *W_fc, *b_fc;
    const real *theta;    /* bound by prepare                                        */
    real *table, *dtable; /* (p, 4h): what a symbol gives to the gates of layer 1    */
    struct lstm_layer layer[LSTM_LAYERS];

    /* All examples of a call, sorted so that those that begin alike are neighbours, in chunks that fit. */
    size_t most, capacity; /* examples and rows of a chunk at most                                  */
    uint32_t *order;       /* [n]                                                                   */
    uint32_t *shared;      /* [n]: tokens that it has in common with the one before it in the order */

    /* The chunk at hand. */
    size_t first, count;       /* examples, in the order; count 0: none            */
    size_t *start;             /* [width + 1]: first row of each step              */
    uint32_t *parent, *symbol; /* [rows]                                           */
    uint32_t *row;             /* [count]: of each example, at the last step       */
    real *dout;                /* (rows, h): gradient by h of the layer at hand    */
    real *dbefore;             /* (most, h): by h of the parents of one step       */
    real *dstate, *dearlier;   /* (most, h): by c of one step, and of its parents' */
    real *Y;                   /* (most, c): logits of the last step's rows        */
    real *ones;                /* [rows]                                           */
};

/** lstm_rows.c: sort the examples of d. */
void lstm_arrange(struct net *net, const struct dataset *d);
/** The chunk that begins at example `first` of the order: as many as fit.  Fills start, parent, symbol and row. */
void lstm_take(struct net *net, const struct dataset *d, size_t first);

/** lstm_cell.c: rows first..end-1 of a layer: gates from what is to be squashed, c and h. */
void lstm_cells(const struct net *net, const struct lstm_layer *l, size_t first, size_t end);
/** Their way back: from dout and dstate the gradient by what was squashed, in place of the gates, and in dstate that
 * by c of the parent. */
void lstm_cells_back(const struct net *net, const struct lstm_layer *l, size_t first, size_t end);

#endif
