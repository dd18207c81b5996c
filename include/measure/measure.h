/** measure/measure.h: what is computed from the weights that a job stores.
 *
 *  Measures are computed in double from the stored weights (of a float job: from its floats) and nothing else, so
 *  that the same bits come out while the job trains and years later.  Their files define TOMBOLA_REAL as 64 and are
 *  compiled once.  One walks through many networks about the stored one (measure/sgld.h), and does that in the job's
 *  precision.
 *
 *  A sweep file names a measure by its kind, or gives a kind options under `measures:`; the results of each such
 * entry stand in families/F/measures/ENTRY/COLUMN.
 */
#ifndef TOMBOLA_MEASURE_MEASURE_H
#define TOMBOLA_MEASURE_MEASURE_H

#include "base/arena.h"
#include "base/field.h"
#include "num/dataset.h"
#include "num/layout.h"
#include "num/loss.h"

struct model_kind_f64; /* model/model.h, seen in double */
struct model_kind_f32; /* and in float                  */
struct net;

/** What a measure may rely on before there are weights: shapes of results depend on this alone. */
struct measure_site {
    const void *options; /* the config of the measure's own keys */
    const struct model_kind_f64 *model;
    const struct model_kind_f32 *single; /* the same; NULL: the job is trained in double */
    const void *model_config;
    const struct kind *task;
    const void *task_config;
    const struct layout *layout;
    const struct task_shape *shape;
    struct loss loss; /* that the job is trained with */
};

/** The weights at one checkpoint and what belongs to them. */
struct measure_probe {
    struct measure_site at;
    const struct task_data *data;
    const uint8_t *mask;    /* of this checkpoint, all ones if the job has none; theta is 0 where it is 0    */
    const double *theta;    /* at this checkpoint                                                            */
    const double *previous; /* at the last regular checkpoint of an earlier epoch; NULL: there is none       */
    const double *initial;  /* at epoch 0                                                                    */
    int64_t epoch, previous_epoch;
    uint64_t seed;         /* the job's: draws come from named streams "measure/KIND/..." of it                    */
    struct net *net;       /* for measures with `runs_net`: takes data sets as large as the larger of the two     */
    double *logits;        /* likewise: room for them                                                             */
    const void *found;     /* what kind->look_back returned; NULL without it                                     */
    struct arena *scratch; /* rewound by the caller                                                           */
    bool (*leave)(void *ctx); /* see measure_tick; NULL: nobody asks                                          */
    void *ctx;
};

enum { MEASURE_RANK = 3, MEASURE_COLUMNS = 24 };

/** One result of a measure: a dataset [rows, checkpoints, ...].  NaN: no value. */
struct measure_column {
    const char *name, *unit, *help;
    const char *axes; /* names of the axes of one checkpoint's values: "neuron, frequency"; NULL: one value */
    /** Their lengths; returns their number.  NULL: one value. */
    size_t (*shape)(const struct measure_site *at, size_t length[MEASURE_RANK]);
    /** What stands along the last axis: "all,W_E,..."; NULL: nothing to say.  Appends to out. */
    void (*labels)(const struct measure_site *at, struct buf *out);
};

struct measure_kind {
    struct kind kind;                     /* every key has a default                                             */
    const struct measure_column *columns; /* ends with name NULL; at most MEASURE_COLUMNS                         */
    bool runs_net;                        /* it evaluates the network: see measure_evaluate                        */
    const char *missing;                  /* why this program cannot compute it ("built without X"); NULL: it can  */

    /** ERR_SPEC if the measure has no meaning for this model and task; NULL: it always has. */
    int (*fits)(const struct measure_site *at, struct err *e);

    /** The values of one checkpoint: out[i] points to those of columns[i], all NaN. */
    int (*run)(const struct measure_probe *p, double *const *out, struct err *e);

    /** How often `run` will call measure_tick, which tells how long it takes from a part of it; NULL: nobody knows.
     */
    double (*ticks)(const struct measure_site *at);

    /** A measure that follows back what it finds at the end: called once, at the last epoch, for what p->found is
     *  (from p->scratch, which is kept) when `run` is then called for every checkpoint.  NULL: `run` is called as the
     *  job reaches each checkpoint. */
    int (*look_back)(const struct measure_probe *p, const void **found, struct err *e);
};

/** The values of a column at one checkpoint. */
size_t measure_values(const struct measure_column *c, const struct measure_site *at);

/** Shapes and labels that many measures share: one value for the whole vector, then one for each tensor. */
size_t measure_whole_and_tensors(const struct measure_site *at, size_t length[MEASURE_RANK]);
void measure_label_tensors(const struct measure_site *at, struct buf *out);

/** Loss and accuracy (the job's own) of the network with these weights on d; p->net and p->logits are used. */
struct loss_value measure_evaluate(const struct measure_probe *p, const double *theta, const struct dataset *d);
/** The same, and the gradient of the loss by the weights [layout->n]. */
struct loss_value measure_gradient(const struct measure_probe *p, const double *theta, const struct dataset *d,
                                   double *gradient);

/** To be called every few milliseconds by a measure that takes longer: -1 with ERR_STOPPED if the run must leave.
 * What was computed of this checkpoint is then lost, and computed again by the next run. */
CHECKED int measure_tick(const struct measure_probe *p, struct err *e);

// clang-format off
/** All measures: src/measure/NAME.c defines measure_NAME.  A new one is that file and a line here. */
#define MEASURES(X) \
    X(norms) \
    X(jaccard) \
    X(accuracy_change) \
    X(subsets) \
    X(fourier) \
    X(histogram) \
    X(pca) \
    X(progress) \
    X(subnetwork) \
    X(llc) \
    X(graph) \
    /* in the order in which people see them */
// clang-format on
#define MEASURE_EXTERN(name) extern const struct measure_kind measure_##name;
MEASURES(MEASURE_EXTERN)

#endif
