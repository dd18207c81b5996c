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

struct formula;
struct net;

/** *e for a key of the task, which is its path. */
#define TASK_WRONG(e, key, ...) err_at(e, ERR_SPEC, NULL, NOWHERE, key, __VA_ARGS__)

/** Networks that give answers, for tasks, which know none: job/teacher.h. */
struct task_teacher {
    /** How many numbers the list gives on such examples; ERR_SPEC if it does not go with them. */
    int (*outputs)(const char *list, const struct task_shape *shape, int64_t *out, struct err *e);
    /** With weights of streams "labels/teacher/..." of the seed; in the arena. */
    struct net *(*open)(const char *list, const struct task_shape *shape, uint64_t seed, struct arena *a);
    /** out [n, outputs] for the x or the tokens of d. */
    void (*answer)(struct net *net, const struct dataset *d, double *out);
};

struct task_kind {
    struct kind kind;
    /** Has the data of this config targets, not labels?  Then t_mem and t_gen are by loss bounds.  NULL: never. */
    bool (*regression)(const void *config);

    /** The list of the network that its answers are those of; NULL, or of this config NULL: there is none.  Then its
     * shape has as many classes as the config says, 0 of a regression, and `build` leaves labels and targets to
     * task_build. */
    const char *(*teacher)(const void *config);

    /** Make texts of the config uniform, once all its keys are set; NULL: they are.  ERR_SPEC, the key as its path.
     */
    int (*expand)(void *config, struct err *e);

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

/** Keys that every task takes. */
struct task_common {
    double corrupt;   /* share of the training labels that are replaced */
    int scale;        /* enum task_scale                                */
    char hit[128];    /* formula of y and target: which answers of a regression are right; "" */
    char augment[32]; /* what a step does to images: "[crop 4,flip]" */
};
enum task_scale { TASK_SCALE_NONE, TASK_SCALE_STANDARD, TASK_SCALE_UNIT };
extern const struct field task_fields[];

/** A task with these keys: the kind's shape, and ERR_SPEC if they do not go with it, with the key that is wrong as
 * its path if it is one.  teacher may be NULL for kinds that have none, here and below. */
CHECKED int task_measure(const struct task_kind *kind, const void *config, const struct task_common *c,
                         const struct task_teacher *teacher, struct task_shape *out, struct err *e);
/** The kind's build, and what these keys make of it: labels are replaced by stream "corrupt", each by another one. */
CHECKED int task_build(const struct task_kind *kind, const void *config, const struct task_common *c,
                       const struct task_teacher *teacher, uint64_t seed, const struct task_split *given,
                       struct arena *a, struct task_data *out, struct err *e);
/** Which answers are right, compiled, in the arena; NULL: none of a regression.  shape: as task_measure has it. */
const struct formula *task_hit(const struct task_common *c, const struct task_shape *shape, struct arena *a);
bool task_is_regression(const struct task_kind *kind, const void *config);

/** The key `train` of a task that is split from one set, beside train_fraction. */
#define TASK_TRAIN(of)                                                                                               \
    FIELD_NUMBER(of, train, INT, "0", "[0, 1e9]", "example",                                                         \
                 "training examples, all others are tested on; 0: as train_fraction says")
/** How many of n are trained on.  what: "pairs".  ERR_SPEC if that leaves none, or none to test on. */
CHECKED int task_train_count(int64_t train, double fraction, size_t n, const char *what, size_t *n_train,
                             struct err *e);

// clang-format off
/** All tasks, as people see them listed: src/task/NAME.c defines task_NAME.  A new one is that file and a line here. */
#define TASKS(X) \
    X(modular)     /* (a, b) -> expr(a, b) mod p */ \
    X(permutation) /* (a, b) -> a product of permutations */ \
    X(draw)        /* drawn numbers, bits or symbols -> a formula of them, or a network's answers */ \
    X(parity)      /* bits -> product of the first k */ \
    X(polynomial)  /* numbers -> (beta.x)^q / q! */ \
    X(arrays)      /* arrays of .npz, .npy, .safetensors, HDF5 and CSV files */ \
    X(mnist)       /* images of handwritten digits */ \
    X(sentiment)   /* made-up texts, which polar words prevail */ \
    X(imdb)        /* film reviews, positive or negative */ \
    X(nothing)     /* sleeps, fails, dies on demand; trains nothing */ \
    /* in the order in which people see them */
// clang-format on
#define TASK_EXTERN(name) extern const struct task_kind task_##name;
TASKS(TASK_EXTERN)

/** task_nothing, for tests and benchmarks of the farm and the store. */
struct nothing_config {
    double seconds;     /* how long a job takes                        */
    int64_t fail_every; /* seeds that are multiples of it fail; 0: none */
    int64_t die_on;     /* the job with this seed kills its rank; -1: none */
};

#endif
