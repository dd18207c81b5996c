/** net/graph.h: a network that is written as a list, as a graph: what each operation takes and gives, and its
 * tensors.
 *
 *  A value is, for each example, a matrix of positions x columns; of symbols it has no columns.  Positions are an
 * axis and not unrolled: what acts on single positions is one product over all of them, a text of 500 symbols has as
 * many nodes as one of two, and which positions anybody reads (`live`) is an interval of each node, found backwards
 * from the end: the others are never computed.
 */
#ifndef TOMBOLA_NET_GRAPH_H
#define TOMBOLA_NET_GRAPH_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "num/dataset.h"
#include "num/layout.h"

#include <stdbool.h>
#include <stddef.h>

struct node; /* sweep/tree.h */

enum net_form {
    NET_SYMBOLS,  /* a symbol at each position                       */
    NET_SEQUENCE, /* numbers at each position                        */
    NET_IMAGE,    /* the same, where positions are rows of pixels; columns are channels */
    NET_ROW       /* numbers, without a position                     */
};

struct net_shape {
    enum net_form form;
    size_t positions, columns; /* columns: of symbols, how many there are */
    size_t height, wide;       /* of an image: positions = height * wide */
    size_t first;              /* of symbols: where the first stands in an example */
    bool alone;                /* of symbols: one was chosen, and its position is none */
};

/** Positions first, first + 1, ... */
struct net_range {
    size_t first, count;
};

enum { NET_TENSORS = 8, NET_NODES = 1024, NET_PARTS = 8, NET_DEPTH = 16, NET_ABSENT = -1 };

struct net_node {
    int op;            /* an index into net_operations; NET_DATA is what comes in */
    const void *keys;  /* of the operation's table */
    const char *place; /* "repeat1.2.residual1.dense1" */
    const int *input;  /* nodes before this one */
    int inputs;
    ptrdiff_t tensor[NET_TENSORS]; /* where each begins in the flat vector; NET_ABSENT: not there */
    struct net_shape in, out;      /* in: of the first input */
    struct net_range live;         /* positions of it that anybody reads */
    size_t line; /* its matrix is part of a tensor, whose lines have so many numbers; 0: all of it */
    size_t skip; /* of a weighted sum: 1 + the source that counts among what is added; 0: none */
};

struct net_graph {
    struct net_node *node; /* the last is the output */
    int nodes;             /* NET_NODES, and those that the last of these is made of */
};

/** A tensor that is another: its first rows, if that has more. */
struct net_tie {
    const char *name, *other;
    struct mark at;
    bool used; /* there is a tensor of that name */
};

/** A list to be read. */
struct net_source {
    const struct node *list;
    const char *file;               /* for errors; NULL: none */
    const struct task_shape *shape; /* of what comes in, and $classes, $symbols, $width */
    const char *const *key;         /* NULL-terminated: keys of the user's own ... */
    const char *const *value;       /* ... and what they are */
    bool *used;                     /* whether the list names it; NULL with key NULL */
    const struct net_tie *tie;      /* beside those that the list ends with */
    size_t ties;
};

/** The graph, in the arena; the tensors, into *layout, which is zeroed; and the canonical text, appended to canonical
 * if it is not NULL: every key replaced by its value, defaults left out.  ERR_SPEC with the place in the file. */
CHECKED int net_read(struct net_graph *out, struct layout *layout, struct buf *canonical,
                     const struct net_source *from, struct arena *a, struct err *e);

/** Which positions anybody reads, from the end to the beginning. */
void net_find_live(struct net_graph *g);

/** The same of a canonical text. */
CHECKED int net_read_text(struct net_graph *out, struct layout *layout, const char *text,
                          const struct task_shape *shape, struct arena *a, struct err *e);

/** ERR_SPEC if the end is not what the task wants, or an operation cannot be computed yet. */
CHECKED int net_check(const struct net_graph *g, const struct task_shape *shape, struct err *e);

/** "5 positions of 128", for messages.  Returns out. */
enum { NET_SHAPE_TEXT = 96 };
char *net_shape_text(const struct net_shape *s, char out[NET_SHAPE_TEXT]);

#endif
