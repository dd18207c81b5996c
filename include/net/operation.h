/** net/operation.h: one row for each operation of a list: its keys, what it makes of a shape, how it is computed.
 *
 *  src/net/NAME.c defines REAL_NAME(net_op_NAME) for one operation or several of a sort.  From the rows come the
 * reader, its errors, the canonical text, `tombola kinds net/NAME`, the plain network and the fast one.
 */
#ifndef TOMBOLA_NET_OPERATION_H
#define TOMBOLA_NET_OPERATION_H

#include "base/field.h"
#include "net/graph.h"
#include "net/tape.h"
#include "num/real.h"

#define net_operation  REAL_NAME(net_operation)
#define net_operations REAL_NAME(net_operations)
#define net_step       REAL_NAME(net_step)

/** A node at work on a chunk of examples.  Values stand position by position: (positions, examples, columns), and of
 * the inputs only what node->need says. */
struct net_step {
    const struct net_node *node;
    const struct dataset *data; /* the chunk's */
    size_t rows;                /* examples */
    size_t inputs;
    const size_t *columns; /* [inputs]: theirs */
    const real *const *in; /* [inputs] */
    real *out;             /* node->live; backward reads it */
    const real *dout;
    real *const *din;  /* [inputs], to be set, all of it; NULL: nobody asks */
    const real *theta; /* all tensors */
    real *gradient;    /* of all tensors, to be added to */
    real *kept;        /* what keeps() asked for, from forward to backward */
};

/** While a list is read. */
struct net_build {
    struct net_graph *graph;
    struct layout *layout;
    const struct task_shape *task;
    struct arena *arena;
    const char *name; /* what the tensors' names begin with */
};

struct net_operation {
    struct kind kind; /* fields: its keys */
    int words;        /* so many of them, in their order, may be given by the value alone */
    unsigned takes;   /* 1 << enum net_form, of each that it takes; 0: it is no word of a list */
    /** Why it can be read, but not computed.  NULL, or NULL from it: it can. */
    const char *(*missing)(const void *keys);
    /** From n->in and its keys: n->out and the tensors.  NULL: out = in.  ERR_SPEC without a place. */
    int (*shape)(struct net_build *b, struct net_node *n, struct err *e);
    /** The positions of its inputs that n->live takes.  NULL: the same. */
    struct net_range (*needs)(const struct net_node *n);
    /** Its part of the plain network, of all positions. */
    int (*lower)(struct tape *t, const struct net_node *n, const int *in);
    size_t (*keeps)(const struct net_node *n, size_t rows); /* numbers; NULL: none */
    void (*forward)(const struct net_step *s);
    void (*backward)(const struct net_step *s);
};

// clang-format off
/** In the order in which people see them. */
#define NET_OPERATIONS(X) \
    X(data) X(image) X(add) X(times) X(join) /* what combinators, and tasks, are made of; no words of a list */ \
    X(embed) X(onehot) X(positions) \
    X(dense) X(conv) X(maxpool) X(avgpool) \
    X(attention) X(norm) X(dropout) X(lstm) \
    X(flatten) X(at) X(mean) X(scale) \
    X(relu) X(gelu) X(silu) X(tanh) X(sigmoid) X(softplus) X(sin) X(square) X(power) X(identity)
// clang-format on
#define NET_ID(name) NET_OP_##name,
enum net_op { NET_OPERATIONS(NET_ID) NET_OPS };
#define NET_EXTERN(name) extern const struct net_operation REAL_NAME(net_op_##name);
NET_OPERATIONS(NET_EXTERN)

/** [NET_OPS] */
extern const struct net_operation *const net_operations[];

#define net_tensor      REAL_NAME(net_tensor)
#define net_add_columns REAL_NAME(net_add_columns)
#define net_sum_columns REAL_NAME(net_sum_columns)

/** Tensor number `at` of the node, called NAME.letter; dims ends with 0.  Drawn uniformly within bound of 0; the
 * caller may change that.  -1: there are too many of them, or its name is too long. */
struct tensor *net_tensor(struct net_build *b, struct net_node *n, int at, const char *letter, double bound,
                          const int64_t *dims, struct err *e);
#define NET_TENSOR(b, n, at, letter, bound, e, ...)                                                                  \
    net_tensor((b), (n), (at), (letter), (bound), (const int64_t[]){ __VA_ARGS__, 0 }, (e))

/** Numbers of a value of one example. */
static inline size_t net_size(const struct net_shape *s)
{
    return s->positions * s->columns;
}
/** Numbers of the live part of the node's value in this chunk. */
static inline size_t net_count(const struct net_step *s)
{
    return s->node->live.count * s->rows * s->node->out.columns;
}

/** x (rows, columns) += b of each row; b += the sum of d's rows. */
void net_add_columns(real *x, const real *b, size_t rows, size_t columns);
void net_sum_columns(real *b, const real *d, size_t rows, size_t columns);

#endif
