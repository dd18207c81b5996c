/** job/ancestors.h: what a job finds in the store of those that it is made from. */
#ifndef TOMBOLA_JOB_ANCESTORS_H
#define TOMBOLA_JOB_ANCESTORS_H

#include "job/recording.h"
#include "job/run.h"
#include "job/spec.h"

/** Weights that an ancestor keeps. */
struct kept_weights {
    struct store_row row;
    struct watch watch;
    size_t slot; /* of its checkpoints */
};

/** The parent's weights at t.  ERR_JOB if it keeps none there; ERR_STORE, ERR_DISK: it cannot be read. */
CHECKED int ancestors_parent(const struct job_run *run, const struct job_spec *spec, struct kept_weights *out,
                             struct err *e);
/** With `rewind`: the dense ancestor's weights after so many epochs; parent as found above. */
CHECKED int ancestors_root(const struct job_run *run, const struct job_spec *spec, const struct kept_weights *parent,
                           struct kept_weights *out, struct err *e);
/** *sum: one word for the weights that the job is made from, as they are stored now; 0 if it is made from none. */
CHECKED int ancestors_sum(const struct job_run *run, const struct job_spec *spec, uint64_t *sum, struct err *e);
/** Tell the farm every milestone whose weights the row has stored.  reached: t_mem and t_gen by each judge; NULL: the
 *  job is done, and its slots say them. */
void ancestors_mark(const struct job_run *run, const struct store_row *row, const struct watch *watch,
                    const struct moment_known *reached);

#endif
