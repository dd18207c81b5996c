/** train/train.h: the training loop of one job. */
#ifndef TOMBOLA_TRAIN_TRAIN_H
#define TOMBOLA_TRAIN_TRAIN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/field.h"
#include "model/model.h"
#include "num/loss.h"
#include "num/shuffled.h"
#include "train/examples.h"
#include "train/lr_schedule.h"
#include "train/parts.h"

#define optimizer_kind REAL_NAME(optimizer_kind)
#define train_state    REAL_NAME(train_state)
#define train_hooks    REAL_NAME(train_hooks)
#define trainer        REAL_NAME(trainer)
#define train_vectors  REAL_NAME(train_vectors)
#define train_open     REAL_NAME(train_open)
#define train_hold     REAL_NAME(train_hold)
#define train_run      REAL_NAME(train_run)

enum { OPTIMIZER_VECTORS = 2, TRAIN_VECTORS = 2 * (1 + OPTIMIZER_VECTORS) };

struct optimizer_kind {
    struct kind kind;
    int vectors; /* state vectors of layout->n elements that it needs, at most OPTIMIZER_VECTORS */
    /** One update of theta in place.  step counts from 1; warmth is the schedule's factor on the learning rate.  mask
     *  may be NULL; where it is 0 theta, gradient and state stay 0.  state: `vectors` vectors. */
    void (*step)(const void *config, int64_t step, double warmth, const struct layout *layout, real *theta,
                 const real *gradient, real *const *state, const uint8_t *mask);
};
// clang-format off
/** All optimisers: src/train/NAME.c defines REAL_NAME(optimizer_NAME).  A new one is that file and a line here. */
#define OPTIMIZERS(X) \
    X(adamw) \
    X(adam)  /* train/adamw.c */ \
    X(sgd) \
    /* in the order in which people see them */
// clang-format on
#define OPTIMIZER_EXTERN(name) extern const struct optimizer_kind REAL_NAME(optimizer_##name);
OPTIMIZERS(OPTIMIZER_EXTERN)

/** Everything that the rest of a run depends on: what a checkpoint in the middle of a job must hold. */
struct train_state {
    int64_t epoch; /* completed epochs                     */
    int64_t step;  /* completed optimiser steps            */
    int64_t seen;  /* examples used of the epoch that has begun; 0 between two epochs */
    int vectors;
    real *vector[TRAIN_VECTORS]; /* all that training changes, layout->n elements each: the next three lines */
    real *theta, *moment[OPTIMIZER_VECTORS];
    real *scores, *score_moment[OPTIMIZER_VECTORS]; /* NULL unless scores are trained */
    const real *network; /* what the model computes with: theta, or theta under the mask that the scores make of it */
};

struct popup;

/** How many vectors the state of such a run has: weights is NULL if they are frozen, scores if there are none. */
int train_vectors(const struct optimizer_kind *weights, const struct optimizer_kind *scores);

struct train_metrics {
    int64_t epoch;
    struct loss_value train, test;
    const struct loss_value *part; /* of each part of the data; NULL: there are none */
};

/** Which epochs are evaluated: 0, the last, and all multiples of these numbers. */
enum { SPACINGS = 4 };
struct record_plan {
    int64_t every[SPACINGS]; /* 0: none */
};

/** What the loop tells its caller.  Each may be NULL; -1 with *e filled ends the run. */
struct train_hooks {
    void *ctx;
    /** At every evaluated epoch, before the checkpoint of the same epoch. */
    int (*evaluated)(void *ctx, const struct train_state *s, const struct train_metrics *m, struct err *e);
    /** At the epochs that want_checkpoint asks for, and never at others. */
    int (*checkpoint)(void *ctx, const struct train_state *s, struct err *e);
    bool (*want_checkpoint)(void *ctx, int64_t epoch);
    /** Asked after what is kept of an epoch: true ends the run there.  What has come so far is that of a longer run. */
    bool (*is_over)(void *ctx);
    /** Between two steps: may write a resume point; ERR_STOPPED in *e leaves the run early. */
    int (*tick)(void *ctx, const struct train_state *s, struct err *e);
};

/** One training run.  The caller fills the first part; train_open allocates the rest from the arena. */
struct trainer {
    const struct model_kind *model;
    const void *model_config;
    const struct layout *layout;
    const struct task_shape *shape;
    const struct task_data *data;
    const struct optimizer_kind *optimizer; /* of the weights; NULL: they are frozen        */
    const void *optimizer_config;
    struct loss loss;
    struct popup *popup; /* train/popup.h: scores that are trained too; NULL: none       */
    int64_t epochs;
    int64_t batch;               /* examples a step; 0: the whole training set                     */
    bool replace;                /* batches are drawn with replacement                             */
    struct lr_schedule schedule; /* train_open sets its clock                                      */
    uint64_t seed;               /* of the stream "batch"                                          */
    struct record_plan record;

    struct train_state state; /* theta (and scores) are filled by the caller after train_open */
    struct net *net;
    const uint8_t *mask;            /* train_hold; NULL: dense                               */
    size_t outputs;                 /* rows of the logits                                    */
    bool noisy;                     /* a step sees another network than an evaluation; set by train_open */
    real *logits, *gradient;        /* (outputs, n); layout->n                               */
    struct examples_room *examples; /* what a step sees instead; NULL: the data themselves   */
    struct parts_room *parts;       /* NULL: the data have none                              */
    struct dataset now;             /* what the step with full batches sees                  */
    struct shuffled shuffled;       /* the training set in this epoch's order, if batch > 0         */
};

void train_open(struct trainer *t, struct arena *a);
/** Train under this mask, which stays in place: theta is 0 where it is.  After train_open, before train_run. */
void train_hold(struct trainer *t, const uint8_t *mask, struct arena *a);

/** Run from state.epoch to epochs, or until is_over.  ERR_DIVERGED if a loss is not finite; ERR_STOPPED if tick said so. */
CHECKED int train_run(struct trainer *t, const struct train_hooks *hooks, struct err *e);

#endif
