/** task/pairs.h: tasks on pairs (a, b) of p symbols: which pairs there are, and how they are split. */
#ifndef TOMBOLA_TASK_PAIRS_H
#define TOMBOLA_TASK_PAIRS_H

#include "task/task.h"

/** Unordered: a <= b; unordered_distinct: a < b; ordered: all. */
enum pairs { PAIRS_UNORDERED, PAIRS_UNORDERED_DISTINCT, PAIRS_ORDERED };
extern const char *const pairs_names[]; /* NULL-terminated */

struct pair_rule {
    int64_t p; /* symbols, and classes */
    enum pairs pairs;
    double train_fraction; /* of the pairs that have a label, rounded down */
    int64_t train;         /* that many instead; 0: the fraction */
    /** 0..p-1, or -1: the pair has no label and is left out, */
    int64_t (*label)(const void *ctx, int64_t a, int64_t b);
    const void *ctx;
    bool partial;         /* which can happen */
    const char *no_label; /* and why, as "where ..." */
};

/** As the functions of struct task_kind.  Pairs stand in lexicographic order and are shuffled once, by stream
 * "split".
 */
CHECKED int pairs_shape(const struct pair_rule *r, struct task_shape *out, struct err *e);
CHECKED int pairs_build(const struct pair_rule *r, uint64_t seed, const struct task_split *given, struct arena *a,
                        struct task_data *out, struct err *e);

#endif
