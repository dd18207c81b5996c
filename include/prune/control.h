/** prune/control.h: a control says what a job starts from: which weights, under which mask. */
#ifndef TOMBOLA_PRUNE_CONTROL_H
#define TOMBOLA_PRUNE_CONTROL_H

#include "base/arena.h"
#include "base/field.h"
#include "model/model.h"
#include "num/layout.h"
#include "num/loss.h"
#include "num/mask.h"
#include "num/real.h"

#define control_kind  REAL_NAME(control_kind)
#define control_input REAL_NAME(control_input)

/** Keys of a control that are keys of a grid; a control's identity holds only those that it uses. */
enum control_uses {
    USES_PARENT = 1,  /* the dense job's weights at `t` */
    USES_K = 2,       /* a prune rate                   */
    USES_SCOPE = 4,   /* global or per tensor           */
    USES_ROUNDS = 8,  /* `iterate`: the parent may be a ticket, the round before */
    USES_REWIND = 16, /* theta_0 may be the dense ancestor's weights at epoch `rewind` */
    USES_SCORES = 32, /* trains scores: config is a struct edge_popup_config */
    USES_TIES = 64,   /* prunes by scores, which may be equal                */
    USES_REST = 128,  /* what k removes is what its mask keeps               */
    USES_PART = 512,  /* starts from theta_t, and may do so from some of its tensors */
    USES_MASK = 256,  /* `mask`: trains under a mask that is given           */
};

struct control_input {
    const void *config; /* the struct of kind.fields; unused if the kind has none */
    const struct layout *layout;
    const real *theta_t;  /* the parent's weights at `t`; NULL unless USES_PARENT */
    const uint8_t *given; /* the mask from outside; NULL unless USES_MASK */
    double k;
    enum scope scope;
    enum ties ties;
    uint64_t seed; /* of the streams "mask", "ties", ... */
    /* What is trained on what: for controls that score weights by data. */
    const struct model_kind *model;
    const void *model_config;
    const struct task_shape *shape;
    const struct dataset *train;
    const struct loss *loss;
    /* Asked now and then by a control that takes long: when it leaves, what `apply` gives means nothing.  May be
     * NULL. */
    const struct plain_guard *guard;
};

struct control_kind {
    struct kind kind;
    unsigned uses;
    /** theta comes in as theta_0 and goes out as what training starts from.  mask (layout->n) is all ones on entry
     * and goes out as the job's mask.  Returns whether training holds the mask (true: masked weights stay 0) or it
     * only served to find theta (norm-matched networks).  scratch: for temporaries; the caller rewinds it. */
    bool (*apply)(const struct control_input *in, real *theta, uint8_t *mask, struct arena *scratch);
    /** With USES_SCORES: the scores (layout->n) that training starts from. */
    void (*scores)(const struct control_input *in, real *score);
};

// clang-format off
/** All controls: src/prune/NAME.c defines REAL_NAME(control_NAME).  A new one is that file and a line here. */
#define CONTROLS(X) \
    X(dense)      /* theta_0, no mask */ \
    X(ticket)     /* theta_0 * m, m = largest |theta_t| */ \
    X(l1)         /* norm_match.c: theta_0 * ||theta_0 m||_1 / ||theta_0||_1 */ \
    X(l2)         /* norm_match.c */ \
    X(random)     /* a random mask at initialisation */ \
    X(shuffle)    /* the ticket's mask, permuted in each tensor */ \
    X(reinit)     /* the ticket's mask on fresh weights */ \
    X(invert)     /* theta_0 * (1 - m) */ \
    X(snip)       /* at_init.c: the largest of prune/scores.h, at initialisation */ \
    X(grasp)      /* at_init.c */ \
    X(synflow)    /* at_init.c */ \
    X(continue)   /* theta_t, no mask */ \
    X(edge_popup) /* theta_t under a mask that is trained */ \
    X(masked)     /* theta_0 * m, m from outside */ \
    /* in the order in which people see them */
// clang-format on
#define CONTROL_EXTERN(name) extern const struct control_kind REAL_NAME(control_##name);
CONTROLS(CONTROL_EXTERN)

#endif
