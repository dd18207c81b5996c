/** task/task.h: a task turns a config and a seed into training and test examples. */
#ifndef TOMBOLA_TASK_TASK_H
#define TOMBOLA_TASK_TASK_H

#include "base/arena.h"
#include "base/field.h"
#include "base/hash.h"
#include "num/dataset.h"

/** A split given from outside (`split: {file: ...}`) instead of drawn: rows of tokens or indices as the task says. */
struct task_split {
    const int32_t *train, *test; /* [n_train, width], [n_test, width] tokens; NULL: draw the split */
    size_t n_train, n_test, width;
};

struct task_kind {
    struct kind kind;
    bool regression; /* its data has targets, not labels: t_mem and t_gen are by loss bounds */

    /** Sizes of the data; also checks what single fields cannot (p prime where the expression divides, ...).
     *  Fails with ERR_SPEC. */
    int (*shape)(const void *config, struct task_shape *out, struct err *e);

    /** NULL for tasks without files.  What the files of this config say, wherever and however they lie: it stands for
     * them in the identity of a job.  Fails with ERR_SPEC, like shape. */
    int (*digest)(const void *config, struct id *out, struct err *e);

    /** Build the data in the arena.  Draws only from streams "split..." and "labels" of seed.  given may be NULL. */
    int (*build)(const void *config, uint64_t seed, const struct task_split *given, struct arena *a,
                 struct task_data *out, struct err *e);
};

extern const struct task_kind task_modular;     /* task/modular.c: (a, b) -> expr(a, b) mod p */
extern const struct task_kind task_permutation; /* task/permutation.c: (a, b) -> a product of permutations */
extern const struct task_kind task_parity;      /* task/parity.c: bits -> product of the first k */
extern const struct task_kind task_polynomial;  /* task/polynomial.c: numbers -> (beta.x)^q / q! */
extern const struct task_kind task_sentiment;   /* task/sentiment.c: made-up texts, which polar words prevail */
extern const struct task_kind task_imdb;        /* task/imdb.c: film reviews, positive or negative */
extern const struct task_kind task_mnist;       /* task/mnist.c: images of handwritten digits */
extern const struct task_kind task_nothing;     /* task/nothing.c: sleeps, fails, dies on demand; trains nothing */

/** task_nothing, for tests and benchmarks of the farm and the store. */
struct nothing_config {
    double seconds;     /* how long a job takes                        */
    int64_t fail_every; /* seeds that are multiples of it fail; 0: none */
    int64_t die_on;     /* the job with this seed kills its rank; -1: none */
};

#endif
