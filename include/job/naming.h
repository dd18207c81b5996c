/** job/naming.h: what the arrays of another program are called: a YAML file with a map from its names to tensors.
 *
 *      net.0.weight: dense1.W
 *      lm_head.weight: T(W_U)                                    # transposed
 *      attn.in_proj_weight: [attention1.Q, attention1.K, attention1.V]   # one above the other
 */
#ifndef TOMBOLA_JOB_NAMING_H
#define TOMBOLA_JOB_NAMING_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { NAMING_NAME = 96 };

/** An array: one tensor, or several, one above the other. */
struct naming_array {
    const char *name;
    const char **tensor;
    size_t tensors;
    bool turned; /* it is the transposed tensor */
};

struct naming {
    struct naming_array *array;
    size_t arrays;
};

/** Empty if file is "".  In the arena.  ERR_SPEC with its place, also for what names no tensor of `known`, which is
 * NULL-terminated, or one twice. */
CHECKED int naming_read(struct naming *out, const char *file, const char *const *known, struct arena *a,
                        struct err *e);

/** The array that a tensor is in; NULL: it is called as it is here.  *place is its place in it. */
const struct naming_array *naming_find(const struct naming *n, const char *tensor, size_t *place);

#endif
