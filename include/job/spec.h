/** job/spec.h: what one job is: canonical text <-> structs. */
#ifndef TOMBOLA_JOB_SPEC_H
#define TOMBOLA_JOB_SPEC_H

#include "base/buf.h"
#include "base/column.h"
#include "base/field.h"
#include "base/hash.h"
#include "job/moment.h"
#include "num/dataset.h"
#include "num/layout.h"
#include "num/loss.h"
#include "task/task.h"
#include "train/lr_schedule.h"

#include <stdbool.h>

enum { CONFIG_BYTES = 2048 }; /* most of it for paths */

/** Data whose mirror images a network cannot tell apart: job/mirrors.c. */
enum { MIRRORS_REFUSE, MIRRORS_ACCEPT };

enum precision { PRECISION_FLOAT, PRECISION_DOUBLE };

/** Keys of `training:` that every optimiser shares. */
struct training {
    struct count epochs; /* the length; steps only where they are no whole number of epochs */
    int64_t warmup;
    struct field_amount batch; /* a number alone in a job: shares are those of a sweep file */
    bool replace;
    char schedule[LR_SCHEDULE_TEXT]; /* canonical, without a warm-up in steps that comes first */
    struct loss loss;
    int precision;
};

/** Keys of `model:` that every network takes. */
struct modelling {
    const char *tensors; /* canonical, of base/intern.h: model/tensors.h; "" */
};

/** A task that reads files has a FIELD_PATH among its keys, which says where they are; their digest is part of the
 * identity, the place is not. */

/** `init:`, `split:` or `mask:` from a file.  The digest of what is read is part of the identity, the place is not.
 */
struct input {
    char digest[ID_CHARS + 1]; /* "" = not from a file; the first member: job/keys.h */
    char file[400];
    char group[64];  /* HDF5 group in front of the dataset names, "" = root */
    char names[400]; /* job/naming.h: a file that says what its arrays are called; "" = as the tensors are */
};

struct store_specs;

struct job_spec {
    const struct kind *task, *model, *optimizer, *control;
    _Alignas(16) char task_config[CONFIG_BYTES];
    _Alignas(16) char model_config[CONFIG_BYTES];
    _Alignas(16) char optimizer_config[CONFIG_BYTES];
    _Alignas(16) char control_config[CONFIG_BYTES];
    struct task_common common; /* of the task */
    struct modelling modelling;
    struct training training;
    char data[ID_CHARS + 1]; /* digest of the task's files, "" = it has none */
    struct input init, split, mask;
    const char *parent_tensors; /* of those that it starts from, its own name -> the parent's: job/inherit.h */
    uint64_t seed;
    double k;
    int scope, ties, mirrors;
    int64_t iterate;         /* rounds of pruning that were asked for: the jobs of all of them have different texts */
    struct moment t;         /* of the parent; moment_none without one */
    struct count eval_every; /* of the parent: only where t or rewind is a rule, whose epoch depends on it */
    double threshold;        /* likewise; the loss bound of a regression task */
    struct moment rewind;    /* of the dense ancestor, whose weights are started from; 0: theta_0 */
    int64_t round; /* of pruning, 1 for a child of the dense job; 0 without a parent.  Follows from the parent,
                      so it is no part of the text */
    char parent[ID_CHARS + 1]; /* only with a parent */
};

extern const struct field modelling_fields[], training_fields[];

bool spec_has_parent(const struct job_spec *s);
unsigned spec_uses(const struct job_spec *s); /* enum control_uses */
/** Read the task's files, if it has any, and set or, if it is set, compare their digest.  ERR_SPEC; ERR_JOB if it is
 * another. */
CHECKED int spec_digest(struct job_spec *s, struct err *e);
bool spec_is_nothing(const struct job_spec *s);
bool spec_is_regression(const struct job_spec *s);
/** Are t_mem and t_gen by loss bounds?  Of a regression, unless it says which answers are right. */
bool spec_judges_by_loss(const struct job_spec *s);
size_t spec_real_size(const struct job_spec *s);
/** Steps of an epoch over so many examples; the batch is a number. */
int64_t spec_epoch_steps(const struct job_spec *s, size_t n_train);

/** Sizes of the data, an imported split counted: n_train and n_test of the split if they are not 0.
 *  Fails with ERR_SPEC. */
CHECKED int spec_shape(const struct job_spec *s, size_t n_train, size_t n_test, struct task_shape *out,
                       struct err *e);
/** ERR_SPEC if the loss does not go with the outputs or with the task. */
CHECKED int spec_check_loss(const struct job_spec *s, const struct task_shape *shape, struct err *e);
CHECKED int spec_layout(const struct job_spec *s, const struct task_shape *shape, struct layout *out, struct err *e);

/** Append the canonical text: "tombola/1" and "key=value" lines, sorted by key, defaults left out, the parent's id
 *  inside.  The job's id is id_of(text). */
void spec_print(const struct job_spec *s, struct buf *out);
/** The same in two steps, for many jobs that differ in nothing but control (with its keys), seed, k, scope and t: the
 * lines that tasks, models, training and files give; then the whole text with these lines in their places. */
void spec_print_sections(const struct job_spec *s, struct buf *out);
void spec_print_job(const struct job_spec *s, const char *sections, struct buf *out);
/** The inverse.  ERR_STORE if the text is not one that this program writes. */
CHECKED int spec_parse(const char *text, struct job_spec *out, struct err *e);

/** The paths of external files, as store texts: "init=FILE\tGROUP\nsplit=FILE\tGROUP\n
 * mask=FILE\tGROUP\ntask.KEY=PATH\n". */
void spec_print_inputs(const struct job_spec *s, struct buf *out);
/** The inverse.  ERR_STORE if a path is longer than any that a sweep may give. */
CHECKED int spec_parse_inputs(const char *text, struct job_spec *s, struct err *e);

/** The store's spec columns: one per key of every plug-in, "model_d_embed", with the offsets of a packed row.
 *  Two kinds that share a key share the column.  Returns the table; *size is the row's bytes. */
const struct column *spec_columns(size_t *size);
/** Fill a row of these columns; what does not apply is missing. */
void spec_fill_columns(const struct job_spec *s, void *row);
/** The same for a store, by canonical texts; the round of pruning, which these do not say, is missing. */
void spec_store(struct store_specs *out);

/** A short human label: "ticket t=gen k=0.6 seed=1". */
void spec_label(const struct job_spec *s, char *out, size_t size);

#endif
