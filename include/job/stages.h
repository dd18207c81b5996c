/** job/stages.h: the stages of one job: data, weights, mask, training with everything that is recorded. */
#ifndef TOMBOLA_JOB_STAGES_H
#define TOMBOLA_JOB_STAGES_H

#include "job/data.h"
#include "job/ending.h"
#include "job/measures.h"
#include "job/recording.h"
#include "job/run.h"
#include "job/spec.h"
#include "num/real.h"
#include "train/train.h"

#define job_stages       REAL_NAME(job_stages)
#define stage            REAL_NAME(stage)
#define stage_save       REAL_NAME(stage_save)
#define stage_restore    REAL_NAME(stage_restore)
#define stage_is_past    REAL_NAME(stage_is_past)
#define stage_put_series REAL_NAME(stage_put_series)
#define stage_save_end   REAL_NAME(stage_save_end)
#define stage_adopt      REAL_NAME(stage_adopt)
#define stage_continue   REAL_NAME(stage_continue)

enum { SERIES = 4 }; /* train loss, train accuracy, test loss, test accuracy: ARRAY_TRAIN_LOSS and on */

/** A job while it runs. */
struct stage {
    const struct job_run *run;
    struct store_row *row;
    struct job_spec spec;
    struct watch watch;
    struct job_data data;
    struct measuring *measuring;
    struct trainer trainer;
    uint8_t *mask;                       /* all ones if the job has none            */
    double *series[SERIES];              /* [points], NaN where not yet measured    */
    size_t parts;                        /* of the data that have curves in the store, */
    double *part[PART_CURVES];           /* [points, parts], likewise               */
    struct moment_known reached[JUDGES]; /* t_mem and t_gen by each judge; COLUMN_NO_INT: not yet */
    struct ending *ending; /* when it may end: all of them must have come; the first is the row's */
    size_t endings;
    int64_t *due;                        /* the epoch of each moment of watch, as far as it is known */
    double began, spent;                 /* clock_wall of this attempt; seconds of earlier ones */
    double saved;                        /* clock_wall of the last resume point     */
    double show_at;                      /* clock_wall at which the curves so far are written for readers */
    int64_t saved_epoch;                 /* and its epoch                           */
    size_t saves;
    struct resume_head resumed; /* where this attempt went on, if it did */
    bool left;                  /* it was told to leave while its control looked for a mask */
};

/** Run the stages in one precision; the row is not committed.  Errors as job_run. */
CHECKED int job_stages_f32(const struct job_run *run, const struct job_spec *spec, const struct watch *watch,
                           struct store_row *row, struct err *e);
CHECKED int job_stages_f64(const struct job_run *run, const struct job_spec *spec, const struct watch *watch,
                           struct store_row *row, struct err *e);

/** Write a resume point into the older of the two slots, the curves so far, and the row's progress. */
CHECKED int stage_save(struct stage *s, const struct train_state *state, struct err *e);
/** Go on from the newer valid resume point: *found says whether there is one.  There is none if what was stored
 * before it is not there any more, or if the row was trained by another plan than this. */
CHECKED int stage_restore(struct stage *s, uint64_t plan, bool *found, struct err *e);
/** Leave a resume point at the end, and no other: what a longer job goes on with. */
CHECKED int stage_save_end(struct stage *s, struct err *e);
/** Of a job that has its vectors and its curves: go on from there. */
void stage_adopt(struct stage *s, const struct resume_head *h);
/** Go on from the end of the shorter job that the run names: its curves, checkpoints, measures and mask are copied as
 * far as this job asks for them.  *found is false if there is none, if it lacks something that is asked for, or if it
 * is damaged, which is said.  Only what cannot be written is an error. */
CHECKED int stage_continue(struct stage *s, bool *found, struct err *e);
/** Was the slot of checkpoints stored before that resume point? */
bool stage_is_past(const struct stage *s, const struct resume_head *at, size_t slot);
CHECKED int stage_put_series(struct stage *s, struct err *e);

#endif
