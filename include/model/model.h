/** model/model.h: a network kind is a table of functions over flat vectors. */
#ifndef TOMBOLA_MODEL_MODEL_H
#define TOMBOLA_MODEL_MODEL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/field.h"
#include "model/plain.h"
#include "num/loss.h"
#include "num/real.h"

#define model_kind    REAL_NAME(model_kind)
#define model_init    REAL_NAME(model_init)
#define model_draw    REAL_NAME(model_draw)
#define model_outputs REAL_NAME(model_outputs)

/** What a sweep file says of a model that is read as a tree: the tree, as it stands there, and the block's own keys.
 */
struct model_given {
    const struct node *tree;  /* sweep/tree.h; NULL: nothing is given */
    const struct node *rules; /* of tensors: model/tensors.h; NULL: there are none */
    const char *file;
    const char *const *key, *const *value; /* NULL-terminated; of the user's own */
    bool *used;                            /* [keys]: set if the tree names it */
};

/** One step of training: what random numbers of a network depend on, beside the names of their places. */
struct model_step {
    uint64_t seed;
    int64_t step; /* steps before it */
};

struct net; /* a model's own scratch for one job; its first member is nothing anybody else may know */

/** The tensors through which a model on symbols sees them: matrices, row-major. */
struct model_symbols {
    const char *embed;   /* (d, symbols or more): column s stands for symbol s    */
    const char *in;      /* (neurons, d): into the first hidden layer             */
    const char *out;     /* (d, neurons): out of the last hidden layer            */
    const char *unembed; /* (d, classes or more)                                  */
};

struct model_kind {
    struct kind kind;
    const struct model_symbols *symbols; /* NULL: it knows no symbols */

    /** Replace what the config says by what it means on this task: given is what it was set from.  Before layout,
     * once. NULL: it says what it means.  ERR_SPEC with a place. */
    int (*expand)(void *config, const struct model_given *given, const struct task_shape *shape, struct err *e);

    /** The table of tensors; *out is zeroed by the caller.  Fails with ERR_SPEC if the model cannot take the task. */
    int (*layout)(const void *config, const struct task_shape *shape, struct layout *out, struct err *e);

    /** Rows of the logits if they are not the task's classes: outputs past those are never right, but take part in
     * the softmax.  NULL: classes. */
    int64_t (*outputs)(const void *config, const struct task_shape *shape);

    /** Scratch for data sets of up to max_batch examples, from the arena.  Keeps the pointers it is given. */
    struct net *(*open)(const void *config, const struct layout *layout, const struct task_shape *shape,
                        size_t max_batch, struct arena *a);

    /** From now on theta is 0 where the mask (layout->n) is, and nobody asks for the gradient there: it is what the
     * caller had in its place, or any number.  Once, before prepare; what it needs comes from the arena.  NULL: a
     * mask spares it no work. */
    void (*hold)(struct net *net, const uint8_t *mask, struct arena *a);

    /** Bind theta: do the work that depends on the weights alone.  Call again after theta changed.
     *  theta must stay in place until the next prepare. */
    void (*prepare)(struct net *net, const real *theta);

    /** logits (outputs, n) of the bound theta on the examples, laid out as num/loss.h wants them; keeps the
     * activations for backward. */
    void (*forward)(struct net *net, const struct dataset *d, real *logits);

    /** out (neurons, n) = what the last hidden layer gives to the next map, for the bound theta on the examples.
     * NULL: the model has no such layer. */
    void (*hidden)(struct net *net, const struct dataset *d, real *out);

    /** gradient (layout->n) = d(loss)/d(theta), from the gradient of the loss by the logits of the last forward on d.
     */
    void (*backward)(struct net *net, const struct dataset *d, const real *dlogits, real *gradient);

    /** forward, the loss and backward in one: the loss, and the gradient of the mean loss by theta; logits, unless it
     * is NULL, as of forward.  NULL: they are called one after the other. */
    struct loss_value (*learn)(struct net *net, const struct dataset *d, const struct loss *loss,
                               const struct model_step *step, real *logits, real *gradient);

    /** Is what learn sees another network than that of forward?  NULL: never. */
    bool (*noisy)(const void *config, const struct task_shape *shape);

    /** Append its layers as lines, with what they cost on data of this shape, with `batch` examples a step (0: all).
     * NULL: the tensors say it all. */
    void (*describe)(const void *config, const struct task_shape *shape, size_t batch, struct buf *out);

    /** A checksum of the order in which it computes, never 0, and the version of what decides on it: numbers differ
     * by rounding between two of them.  NULL: it has one. */
    uint64_t (*plan)(const void *config, const struct task_shape *shape, int64_t *version);

    /** The same network as the formula reads, whatever `real` is; see model/plain.h. */
    plain_network *plain;
    dual_network *dual;
};

// clang-format off
/** All models: src/model/NAME.c, of net src/net/model.c, defines REAL_NAME(model_NAME).  A new one is that file and a line
 * here. */
#define MODELS(X) \
    X(embed_mlp) \
    X(transformer) \
    X(dense_mlp) \
    X(lstm) \
    X(net) \
    /* in the order in which people see them */
// clang-format on
#define MODEL_EXTERN(name) extern const struct model_kind REAL_NAME(model_##name);
MODELS(MODEL_EXTERN)

/** Rows of the logits of this model on this task. */
size_t model_outputs(const struct model_kind *model, const void *config, const struct task_shape *shape);

/** Draw every tensor from its own stream "init/NAME" of seed: mean and std as tensor.init_mean and init_std, as
 * tensor.draw; in double and rounded to float in both precisions, so that f32 and f64 start from the same weights. */
void model_init(real *theta, const struct layout *layout, uint64_t seed);
/** The same from streams "name/NAME": other weights of the same distribution. */
void model_draw(real *theta, const struct layout *layout, uint64_t seed, const char *name);

#endif
