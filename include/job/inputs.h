/** job/inputs.h: initial weights, masks and splits taken from a file, so that another program's run can be repeated
 * exactly.
 *
 *  `init: {file: F.h5, group: G}` reads G/init/NAME for every tensor of the model, in the model's shape.
 *  `mask: {file: F.h5, group: G}` reads G/mask/NAME likewise, 1 = kept.
 *  `split: {file: F.h5, group: G}` reads G/data/train_pairs and G/data/test_pairs, [examples, width] tokens.
 */
#ifndef TOMBOLA_JOB_INPUTS_H
#define TOMBOLA_JOB_INPUTS_H

#include "base/arena.h"
#include "job/input_table.h"
#include "job/spec.h"
#include "num/layout.h"
#include "task/task.h"

extern const struct field input_fields[]; /* of struct input: file, group */

/** theta (layout->n doubles) and its digest.  Local, serial.  table: what rank 0 has found in the files of this run;
 * NULL reads the file itself.  ERR_SPEC names file, dataset, and the shape wanted; or as input_reader_get. */
CHECKED int input_weights(struct input *in, const struct layout *layout, const struct input_table *table,
                          double *theta, struct arena *scratch, struct err *e);

/** mask (layout->n) and its digest; as input_weights.  ERR_SPEC also if it holds anything but 0 and 1, or removes
 * what is not prunable. */
CHECKED int input_mask(struct input *in, const struct layout *layout, const struct input_table *table, uint8_t *mask,
                       struct arena *scratch, struct err *e);

/** The split and its digest; its arrays are in the arena. */
CHECKED int input_split(struct input *in, struct task_split *out, const struct input_table *table, struct arena *a,
                        struct err *e);

/** Of pairs (a, b): ERR_SPEC if one stands there twice, or both in training and in test; rows count from 0. */
CHECKED int input_split_check(const struct task_split *s, struct arena *scratch, struct err *e);

/** Labels train_labels and test_labels, if the file has them, are those of the task, which has built its data from
 * this split: as they are trained on, or as they were before `corrupt`.  rule: what gives them ("a + b").  ERR_SPEC
 * names the row that disagrees. */
CHECKED int input_split_labels(const struct input *in, const struct task_data *built, const char *rule,
                               struct arena *scratch, struct err *e);

/** Rank 0, local.  Add to the table what a job takes from files: its split, and with a layout its initial weights
 * and its mask. */
void input_add(struct input_table *t, const struct job_spec *s, const struct layout *layout);

#endif
