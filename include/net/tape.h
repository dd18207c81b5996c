/** net/tape.h: the plain network of one example: a list of primitives over arrays of numbers, differentiated by one
 * loop.
 *
 *  Every operation of a list is made of these (net/operation.h, lower), so its derivative follows from them; the
 * arrays are doubles or dual numbers (num/scalar.h), and what is not a product, a sum or a function of one number is
 * a gather.
 */
#ifndef TOMBOLA_NET_TAPE_H
#define TOMBOLA_NET_TAPE_H

#include "base/arena.h"
#include "base/checked.h"
#include "num/dataset.h"
#include "num/scalar.h"

#include <stddef.h>
#include <stdint.h>

enum tape_primitive {
    TAPE_WEIGHTS,  /* size weights from offset on                            */
    TAPE_CONSTANT, /* value[size]                                            */
    TAPE_NUMBERS,  /* what the task gives                                    */
    TAPE_ONEHOT,   /* of the symbols at first, first + 1, ...: k numbers each */
    TAPE_ROWS,     /* of a (symbols, k), for the symbols at first, ...       */
    TAPE_GATHER,   /* a[index[i]]; 0 where index[i] < 0                      */
    TAPE_PRODUCT,  /* (m, n) = a (m, k) b (n, k)'                            */
    TAPE_ADD,      /* a[i] + b[i]                                            */
    TAPE_MULTIPLY, /* a[i] b[i]                                              */
    TAPE_SCALE,    /* number a[i]                                            */
    TAPE_SUM,      /* of k neighbours of a                                   */
    TAPE_MAX,      /* the same; the first of equal ones                      */
    TAPE_UNARY     /* function(a[i])                                         */
};

enum tape_function {
    TAPE_RELU,
    TAPE_GELU,
    TAPE_SILU,
    TAPE_TANH,
    TAPE_SIGMOID,
    TAPE_SOFTPLUS,
    TAPE_SIN,
    TAPE_POWER, /* a^number, number = 1, 2, ... */
    TAPE_EXP,
    TAPE_RECIPROCAL,
    TAPE_RSQRT /* 1 / sqrt(a + number) */
};

struct tape_entry {
    enum tape_primitive what;
    int a, b;
    size_t size, m, n, k, first, offset;
    const int32_t *index;
    const double *value;
    double number;
    enum tape_function function;
};

struct tape {
    struct tape_entry *entry;
    size_t count;
    struct arena *arena;
};

/** Each appends an entry and returns its number. */
CHECKED int tape_weights(struct tape *t, ptrdiff_t offset, size_t size);
CHECKED int tape_constant(struct tape *t, const double *value, size_t size);
CHECKED int tape_numbers(struct tape *t, size_t size);
CHECKED int tape_onehot(struct tape *t, size_t first, size_t positions, size_t symbols);
CHECKED int tape_rows(struct tape *t, int a, size_t first, size_t positions, size_t columns);
CHECKED int tape_product(struct tape *t, int a, int b, size_t m, size_t n, size_t k);
CHECKED int tape_add(struct tape *t, int a, int b);
CHECKED int tape_multiply(struct tape *t, int a, int b);
CHECKED int tape_scale(struct tape *t, int a, double number);
CHECKED int tape_sum(struct tape *t, int a, size_t k);
CHECKED int tape_max(struct tape *t, int a, size_t k);
CHECKED int tape_unary(struct tape *t, int a, enum tape_function function, double number);

/** index (size) is the caller's to fill, in the arena: each place of the result names one of a. */
int32_t *tape_gather(struct tape *t, int a, size_t size);
int tape_last(const struct tape *t);
/** a (k) again and again, size numbers in all; each of a's numbers k times. */
CHECKED int tape_repeat(struct tape *t, int a, size_t size);
CHECKED int tape_spread(struct tape *t, int a, size_t k);
/** size numbers of a, from first on. */
CHECKED int tape_part(struct tape *t, int a, size_t first, size_t size);
/** a (rows, columns) with b (columns) added to each row, and multiplied into it. */
CHECKED int tape_add_row(struct tape *t, int a, int b);

#define tape_run SCALAR_NAME(tape_run)
/** Example i of d: value[j] gets what entry j is; that of TAPE_WEIGHTS points to them, and is given.  If dlast is
 * given, the gradient by the last entry, dvalue[j] gets that by entry j, and those of the weights are added to. */
void tape_run(const struct tape *t, const struct dataset *d, size_t i, scalar *const *value, scalar *const *dvalue,
              const scalar *dlast);

#endif
