/** net/operation.h: one row for each operation of a list: its keys, what it makes of a shape, how it is computed.
 *
 *  src/net/NAME.c defines REAL_NAME(net_op_NAME) for one operation or several of a sort.  From the rows come the
 * reader, its errors, the canonical text, `tombola kinds net/NAME`, the plain network and the fast one.
 */
#ifndef TOMBOLA_NET_OPERATION_H
#define TOMBOLA_NET_OPERATION_H

#include "base/field.h"
#include "model/model.h"
#include "net/graph.h"
#include "net/tape.h"
#include "num/real.h"

#define net_operation  REAL_NAME(net_operation)
#define net_operations REAL_NAME(net_operations)
#define net_step       REAL_NAME(net_step)

/** A position of an input, or of what acts on rows so many of them, as an operation that gathers sees it. */
struct net_seen {
    const real *at;
    real *dat;          /* the gradient, to be added to; NULL: nobody asks */
    const int32_t *row; /* [rows]: which of its rows each row is made of; NULL: its own */
    size_t rows;
    size_t first; /* rows of the tables before it, if it is one */
};

/** A node at work on some rows: examples, or symbols.  Values stand position by position: (positions, rows, columns),
 * and of the inputs only what is needed of them for `live`. */
struct net_step {
    const struct net_node *node;
    struct net_range live; /* positions; of what acts on rows, as many rows as there are, at one */
    size_t rows;
    const int32_t *symbol;             /* [rows], of a source */
    size_t first;                      /* of the examples in the batch */
    bool turned;                       /* out and dout stand as (columns, rows) */
    unsigned fresh;                    /* 1 << a tensor: its gradient is to be set, not added to */
    const struct model_step *training; /* NULL: evaluation */
    size_t inputs;
    const size_t *columns;              /* [inputs]: theirs */
    const real *const *in;              /* [inputs] */
    const struct net_seen *const *seen; /* [inputs][seens], in place of in and din, of who gathers */
    size_t seens;
    real *out; /* backward reads it */
    const real *dout;
    real *const *din;  /* [inputs], to be set, all of it; NULL: nobody asks */
    const real *theta; /* all tensors */
    real *gradient;    /* of all tensors, to be added to */
    real *kept;        /* what keeps() asked for, from forward to backward */
};

/** What a row of the result depends on. */
enum net_reach {
    NET_ACROSS,   /* the positions of its inputs that it needs      */
    NET_ROWS,     /* the rows of its inputs at the same position    */
    NET_POSITION, /* the same, and which position it is             */
    NET_SOURCE,   /* the symbol that stands there                   */
    NET_MATRIX    /* weights alone: in.positions rows               */
};

/** While a list is read. */
struct net_build {
    struct net_graph *graph;
    struct layout *layout;
    const struct task_shape *task;
    struct arena *arena;
    const char *name; /* what the tensors' names begin with */
    struct net_tie *tie;
    size_t ties;
    struct tensor spare; /* what an operation says of a tensor that is another, and nobody reads */
};

struct net_operation {
    struct kind kind; /* fields: its keys */
    int words;        /* so many of them, in their order, may be given by the value alone */
    bool noisy;       /* training sees another function than evaluation */
    bool whole;       /* in training it takes all examples of a step at once */
    unsigned takes;   /* 1 << enum net_form, of each that it takes; 0: it is no word of a list */
    enum net_reach reach;
    bool apart;     /* of NET_ACROSS: a position can be computed without the others */
    bool chooses;   /* its value is a position of its input */
    bool lends;     /* of all symbols in turn its value is tensor 0 */
    bool turns;     /* its result can stand as (columns, rows), and backward reads none */
    unsigned sets;  /* 1 << a tensor: whose gradient backward sets if it is fresh */
    bool gathers;   /* it looks up the rows of its inputs itself */
    bool by_matrix; /* its last input is one, and seen: all its tables, rows after rows */
    bool by_rows;   /* its products are with each row of that */
    /** From n->in and its keys: n->out and the tensors; n->op, if these make it another.  NULL: out = in.  ERR_SPEC
     * without a place. */
    int (*shape)(struct net_build *b, struct net_node *n, struct err *e);
    /** It is made of others, which this adds, with its tensors; the last one, or -1 with an error.  In place of shape
     * and all that follows. */
    int (*parts)(struct net_build *b, const void *keys, const char *place, int in, struct err *e);
    /** The positions of an input that live ones take.  NULL: the same. */
    struct net_range (*needs)(const struct net_node *n, struct net_range live, int input);
    /** Its part of the plain network, of all positions. */
    int (*lower)(struct tape *t, const struct net_node *n, const int *in);
    size_t (*keeps)(const struct net_node *n, struct net_range live, size_t rows); /* numbers; NULL: none */
    /** Multiply-adds of its matrix products for one row, where it is computed at these positions.  NULL: it has none.
     */
    double (*products)(const struct net_node *n, struct net_range live);
    /** The same of its weighted sums, which are slower. */
    double (*sums)(const struct net_node *n, struct net_range live);
    void (*forward)(const struct net_step *s);
    void (*backward)(const struct net_step *s);
};

// clang-format off
/** In the order in which people see them. */
#define NET_OPERATIONS(X) \
    X(data) X(image) X(add) X(times) X(join) /* what combinators, and tasks, are made of; no words of a list */ \
    X(embed) X(onehot) X(positions) \
    X(dense) X(conv) X(maxpool) X(avgpool) \
    X(attention) X(attend) X(weigh) X(pick) X(against) X(less) X(mix) X(matrix) X(through) X(norm) X(batch) X(dropout) X(lstm) \
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
#define net_add_rows    REAL_NAME(net_add_rows)
#define net_sum_rows    REAL_NAME(net_sum_rows)

/** What `norm batch` becomes. */
extern const struct net_operation REAL_NAME(net_op_batch);

/** Tensor number `at` of the node, called NAME.letter; dims ends with 0.  Drawn uniformly within bound of 0; the
 * caller may change that.  NULL: there are too many of them, its name is too long, or it is tied to what it cannot
 * be.
 */
struct tensor *net_tensor(struct net_build *b, struct net_node *n, int at, const char *letter, double bound,
                          const int64_t *dims, struct err *e);
#define NET_TENSOR(b, n, at, letter, bound, e, ...)                                                                  \
    net_tensor((b), (n), (at), (letter), (bound), (const int64_t[]){ __VA_ARGS__, 0 }, (e))

static inline struct net_range net_needs(const struct net_node *n, struct net_range live, int input)
{
    return net_operations[n->op]->needs ? net_operations[n->op]->needs(n, live, input) : live;
}
/** Inputs of which its rows are made. */
static inline int net_row_inputs(const struct net_node *n)
{
    return n->inputs - net_operations[n->op]->by_matrix;
}
/** Numbers of a value of one example. */
static inline size_t net_size(const struct net_shape *s)
{
    return s->positions * s->columns;
}
/** Numbers of what the node gives at these rows. */
static inline size_t net_count(const struct net_step *s)
{
    return s->live.count * s->rows * s->node->out.columns;
}

#define net_heads      REAL_NAME(net_heads)
#define net_weighs_one REAL_NAME(net_weighs_one)
#define net_sources    REAL_NAME(net_sources)
#define net_take_lines REAL_NAME(net_take_lines)
#define net_add_lines  REAL_NAME(net_add_lines)
/** Of the keys of attention: its heads, whether the weights of a head sum up to 1, and what targets look at. */
size_t net_heads(const void *keys);
bool net_weighs_one(const void *keys);
struct net_range net_sources(const struct net_node *n, struct net_range live);

#define net_at_keys REAL_NAME(net_at_keys)
/** The keys of `at POSITION`. */
const void *net_at_keys(size_t position, struct arena *a);

/** Rows of so many columns from or to such that begin line numbers apart. */
void net_take_lines(real *out, const real *in, size_t rows, size_t columns, size_t line);
void net_add_lines(real *out, const real *in, size_t rows, size_t columns, size_t line);

#define net_part REAL_NAME(net_part)
/** A node of the graph with these inputs, of the shape of the first, for parts(). */
struct net_node *net_part(struct net_build *b, int op, const void *keys, const char *place, const int *input,
                          int inputs);

#define net_map      REAL_NAME(net_map)
#define net_map_back REAL_NAME(net_map_back)
/** out = in W' + b, W (out.columns, in.columns), b NULL: none; and back, where dW is beta dW and what is new, and db
 * is added to. */
void net_map(const struct net_step *s, const real *W, const real *b);
void net_map_back(const struct net_step *s, const real *W, real *dW, real beta, real *db);

/** x (rows, columns) += b of each row; b += the sum of d's rows. */
void net_add_columns(real *x, const real *b, size_t rows, size_t columns);
void net_sum_columns(real *b, const real *d, size_t rows, size_t columns);
/** The same of what is turned: x (rows, columns) += b of each column; b += the sum of d's columns. */
void net_add_rows(real *x, const real *b, size_t rows, size_t columns);
void net_sum_rows(real *b, const real *d, size_t rows, size_t columns);

#endif
