/** job/plan.h: a sweep file becomes a list of different jobs, parents first. */
#ifndef TOMBOLA_JOB_PLAN_H
#define TOMBOLA_JOB_PLAN_H

#include "job/recording.h"
#include "job/spec.h"
#include "store/store.h"
#include "sweep/sweep.h"

#define PLAN_NONE UINT32_MAX
enum { PLAN_CONTROL = 24 };      /* characters of a control's name   */
enum { PLAN_POINTS = 10000000 }; /* more points than this are taken for a slip */

/** A probe of a search waits until the probe before it has reached a goal. */
struct plan_gate {
    uint32_t after;            /* index of that job; PLAN_NONE: no gate         */
    const struct moment *goal; /* mem or gen */
    struct judge judge;
    bool open; /* it is asked for in another way, too: no waiting */
};

struct plan_job {
    struct id id, trajectory;
    const char *canonical, *inputs;
    const char *task, *model, *training, *control; /* names of the blocks, or of the kinds if written in place */
    uint32_t parent;                               /* index, PLAN_NONE for dense and pruned-at-initialisation jobs */
    uint32_t family, grid;                         /* grid: the first that needed it                           */
    uint32_t watch, shape;                         /* indices into the plan's tables                           */
    const struct moment *t;      /* of the parent; moment_none without one                         */
    struct judge judge;          /* by whom t_mem or t_gen of the parent is meant                      */
    const struct moment *rewind; /* of the dense ancestor that the weights start from; 0: none   */
    int64_t round;               /* of pruning: 1 for a child of a job without a parent, 0 for such one */
    double k;                    /* prune rate; NaN without one */
    struct plan_gate gate;
    bool asked; /* a grid names it; otherwise it is only somebody's parent  */
};

/** Networks of one shape, of which an epoch takes the same time: what a family has in common besides its recording.
 */
struct plan_shape {
    struct job_spec example;
    struct layout layout;
    struct task_shape task;
};

struct plan {
    const struct sweep *sweep;
    struct plan_job *job;
    size_t jobs, all_jobs; /* all_jobs: before some were chosen */
    struct watch *watch;
    size_t watches;
    struct plan_shape *shape;
    size_t shapes;
    struct store_family *family;
    size_t families;
    struct store_use *use; /* grid -> job, without repeats */
    size_t uses;
    uint64_t points;              /* before duplicates were removed */
    struct store_grid_name *grid; /* of each grid of the sweep */
};

/** Read, check and expand a sweep file.  Everything lives in the arena.  All errors are appended to `errors`; -1 if
 *  there are any. */
CHECKED int plan_make(struct plan *out, const char *file, struct arena *a, struct err_list *errors);

/** Record a job in all ways that the plan asks for and, besides, in those that it was recorded in before, and train it
 *  at least to the epoch that it came to then; of these as many judges as there is room for, and no more checkpoints
 *  and points than can be kept: ERR_SPEC. */
CHECKED int plan_record_also(struct plan *p, size_t job, const struct watch *before, int64_t epoch, struct arena *a,
                             struct err *e);

/** Leave of a plan the jobs of some grids (names between commas; NULL: all) for which an SQL condition holds (NULL:
 *  all), with all that they are made from or wait for.  The condition is over the columns of the store's table jobs
 *  that say what a job is, or keys of the sweep file like training.lr.  ids, recordings and the order of the jobs
 *  stay.  ERR_SPEC: there is no such grid or column, or nothing is left. */
CHECKED int plan_choose(struct plan *p, const char *only, const char *where, struct arena *a, struct err *e);
/** Append such a condition as SQL over the table jobs: training.lr is training_lr there, and t, where the epoch is
 * not known yet, what the file says. */
void plan_condition(const char *where, struct buf *out);

/** The schema of sweep files: what sections, kinds and keys there are; part[] of a point follows this order. */
enum plan_section {
    SECTION_TASK,
    SECTION_MODEL,
    SECTION_TRAINING,
    SECTION_PARENT_TASK,
    SECTION_PARENT_MODEL,
    SECTION_PARENT_TRAINING,
    SECTION_RECORD,
    SECTION_CHECKPOINT,
    SECTION_INIT,
    SECTION_SPLIT,
    SECTION_MASK,
    SECTION_CONTROL,
    SECTIONS
};
const struct sweep_schema *plan_schema(void);

/** The ancestor of job i that has no parent; i itself if it has none. */
uint32_t plan_root(const struct plan *p, uint32_t i);

/** Does the job wait for the probe before it? */
bool plan_is_gated(const struct plan_job *job);
/** The job that a search asks before the probe `i`, whether that waits for it or not; PLAN_NONE: it is the first. */
uint32_t plan_probe_before(const struct plan *p, uint32_t i);
/** Longest chain of jobs that wait for one another: 1 if none waits. */
size_t plan_waves(const struct plan *p);
int64_t plan_epochs(const struct plan *p, size_t job);

/** Describe job i to the store (a store_need callback; ctx is the plan). */
void plan_describe(void *plan, size_t i, struct store_job *out);

#endif
