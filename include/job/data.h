/** job/data.h: the data set of a job, and the shapes that follow from it. */
#ifndef TOMBOLA_JOB_DATA_H
#define TOMBOLA_JOB_DATA_H

#include "base/arena.h"
#include "job/input_table.h"
#include "job/spec.h"
#include "store/store.h"
#include "task/task.h"

struct job_data {
    struct task_shape shape;
    struct layout layout;
    struct task_data set;
};

/** Local.  The spec of a job of the store, from its texts.  ERR_STORE, naming the job, if the text is not that of the
 *  id, or not one that this program would write: whose id is right may still come from a stranger. */
CHECKED int job_spec_read(struct job_spec *out, struct store *store, uint32_t row, const char id[ID_CHARS],
                          struct err *e);

/** Only the shapes: *split is what the spec imports, zeros if it draws its own.  inputs: as input_split has it. */
CHECKED int job_data_shape(struct job_data *out, const struct job_spec *spec, const struct input_table *inputs,
                           struct task_split *split, struct arena *a, struct err *e);
/** Build the data of the spec in the arena; reads an imported split, which must still be the one that was planned.
 *  ERR_JOB or ERR_SPEC. */
CHECKED int job_data_build(struct job_data *out, const struct job_spec *spec, const struct input_table *inputs,
                           struct arena *a, struct err *e);
/** The same with a split that is drawn, whichever the spec imports: for trials. */
CHECKED int job_data_draw(struct job_data *out, const struct job_spec *spec, struct arena *a, struct err *e);

#endif
