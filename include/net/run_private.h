/** net/run_private.h: a plan with memory: what src/net/room.c opens and src/net/run.c goes through. */
#ifndef TOMBOLA_NET_RUN_PRIVATE_H
#define TOMBOLA_NET_RUN_PRIVATE_H

#include "net/operation.h"
#include "net/plan.h"
#include "num/real.h"

#define net_room_open      REAL_NAME(net_room_open)
#define net_arrange_open   REAL_NAME(net_arrange_open)
#define net_arrange        REAL_NAME(net_arrange)
#define net_arrange_logits REAL_NAME(net_arrange_logits)
#define net_arrange_slopes REAL_NAME(net_arrange_slopes)

/** The symbols of a list that the data show, ascending. */
struct net_list {
    struct net_range slots;
    size_t most, count;
    int32_t *symbol, *row; /* [most]; [vocabulary]: where a symbol stands */
    uint8_t *shown;        /* [vocabulary] */
};

/** Which row of a list each row of another, or each example of the chunk, is made of. */
struct net_view {
    int of, list; /* of: a list, or NET_EXAMPLES */
    size_t slot;
    int32_t *row;
};

/** Half of a value: what stands in tables, or what is made anew for each chunk. */
enum net_half { NET_TABLES, NET_CHUNK, NET_HALVES };

struct net_half_value {
    real *out, *dout;   /* (rows, columns), block after block; of numbers of the data set: theirs */
    real *room, *droom; /* the same, where it does not stand elsewhere */
    int uses;           /* by nodes that read it; one that does so row by row writes dout, several add to it */
    bool whole;         /* the one reads all of it */
};

struct net_value {
    struct net_half_value half[NET_HALVES];
    size_t columns;
    bool lent, alone; /* it is a tensor, all of it; of which nobody else knows */
    size_t *at;       /* [blocks]: the row where each begins in its half */
};

/** What a call takes of an input, for one block of its own. */
struct net_piece {
    int node, block, view; /* view: -1: row by row */
    int of;                /* rows: a list, or NET_EXAMPLES */
};

struct net_edge {
    struct net_piece *piece;
    int pieces;
    bool tables;           /* it is all tables of the input, and begins with the first */
    bool direct;           /* they stand one after the other where they are */
    real *copy;            /* if not */
    struct net_seen *seen; /* of who gathers */
};

/** A node at work on some of its blocks. */
struct net_call {
    int node, block, blocks;
    struct net_range live;
    struct net_edge *edge; /* [inputs] */
    real *kept;
    unsigned fresh; /* tensors whose gradient nobody sets before */
};

struct net_calls {
    struct net_call *call;
    size_t count;
};

/** A tensor, and the node that may be nothing but it; 0: none. */
struct net_rest {
    const struct tensor *tensor;
    int lender;
};

/** Examples in an order of their own. */
struct net_order {
    size_t slot[2], grain, grains, *start;
    uint32_t *place; /* [examples]: where each is */
    int32_t *token, *label;
    double *target;
    real *rows; /* (examples, outputs): logits, or their gradients */
};

struct net {
    struct net_graph graph;
    struct net_plan plan;
    const struct layout *layout;
    uint64_t fixed;
    size_t width;
    bool regression;
    struct net_order *order; /* NULL: that of the data set */
    unsigned off;
    size_t chunk, vocabulary, inputs; /* inputs: of any node, at most */
    size_t whole;                     /* examples of a step that are at work at once; 0: of a chunk */
    struct net_list *list;
    struct net_view *view;
    size_t views;
    bool turned;           /* the last value stands as (columns, rows), its gradient in its place */
    struct net_rest *rest; /* whose gradient is added to */
    size_t rests;
    struct net_value *value;
    struct net_calls calls[NET_HALVES];
    bool ready;      /* tables are those of theta and the lists */
    uint8_t *shown;  /* [vocabulary] */
    const real **in; /* [inputs], of the call at work, as what follows */
    real **din, **spare;
    const struct net_seen **seen;
    size_t *columns;
    real *logits;                      /* (outputs, chunk) */
    const struct model_step *training; /* of the pass that is running; NULL: evaluation */
    size_t first;                      /* example of the chunk at work */
    const real *theta;
};

/** All but theta: graph and plan are made. */
void net_room_open(struct net *net, size_t max_batch, struct arena *a);

/** src/net/arrange.c: net->order, if it pays; the data set in it, until the next; and between order->rows and the
 * logits, or their gradients, of n examples in the data set's own. */
void net_arrange_open(struct net *net, size_t most, struct arena *a);
struct dataset net_arrange(const struct net *net, const struct dataset *d);
void net_arrange_logits(const struct net *net, real *logits, size_t n);
void net_arrange_slopes(const struct net *net, const real *dlogits, size_t n);

static inline enum net_half net_half_of(const struct net_rows *rows, int block)
{
    return block < rows->tables ? NET_TABLES : NET_CHUNK;
}

#endif
