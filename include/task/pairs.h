/** task/pairs.h: tasks on pairs (a, b) of p symbols: which pairs there are, and how they are split. */
#ifndef TOMBOLA_TASK_PAIRS_H
#define TOMBOLA_TASK_PAIRS_H

#include "task/task.h"

/** Unordered: a <= b; unordered_distinct: a < b; ordered: all. */
enum pairs { PAIRS_UNORDERED, PAIRS_UNORDERED_DISTINCT, PAIRS_ORDERED };
extern const char *const pairs_names[]; /* NULL-terminated */

/** What stands at each position of an example: "[a,op,b,eq]".  Symbols are 0 .. p-1; of b, if it is `apart`, p ..
 * 2p-1; then op, eq and eos, those that there are, in the order in which they come first. */
enum { PAIRS_LAYOUT = 48 };
CHECKED int pairs_check_layout(const char *text, char *canonical, size_t size, struct err *e);
#define PAIRS_FIELDS(config)                                                                                         \
    FIELD_ROW(                                                                                                       \
        config, layout, LINES, "[a,b]", .count = PAIRS_LAYOUT, .unit = "", .check = pairs_check_layout,              \
        .help =                                                                                                      \
            "what stands at each position: a and b, and op, eq and eos, which are symbols of their own: [a, op, "    \
            "b, eq]"),                                                                                               \
        FIELD_FLAG(config, apart, "false", "b has symbols of its own, p to 2p - 1")

struct pair_rule {
    int64_t p; /* classes, and symbols of a and b */
    enum pairs pairs;
    const char *layout; /* NULL: [a,b] */
    bool apart;
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
