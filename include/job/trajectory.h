/** job/trajectory.h: jobs that differ in nothing but their lengths share a trajectory: the shorter one is the
 * beginning of the longer, bit for bit.
 *
 *  Its id is that of the job's canonical text without the length, with the parent's trajectory in place of the
 * parent. What depends on the length after all stays in it: a schedule that leads to the end of the job, and the
 * parent itself where t or rewind is a rule and the parent, or the dense ancestor, is evaluated once more at its end,
 * so that mem or gen may be that epoch.
 */
#ifndef TOMBOLA_JOB_TRAJECTORY_H
#define TOMBOLA_JOB_TRAJECTORY_H

#include "job/recording.h"
#include "store/store.h"

struct trajectory {
    struct id id;
    int64_t epochs;      /* of this one of its jobs                                          */
    int64_t root_epochs; /* of the ancestor without a parent; its own if it has no parent */
};

/** By the canonical text; parent: of the job that it is made from, NULL if it has none. */
void trajectory_of(const char *canonical, const struct trajectory *parent, struct trajectory *out);

/** Write the column `trajectory` of rows of the store that lack it, as earlier versions have left them; rows
 *  [store_rows] follows.  Those whose texts or parents cannot be read stay as they are.  Fails as store_write_row. */
CHECKED int trajectory_fill(struct store *s, struct store_row *rows, struct err *e);

/** Has the row what a longer job goes on with? */
CHECKED bool trajectory_has_end(struct store *s, const struct store_row *r);

/** Does a job that is recorded like `shorter` store, before its end, all that `longer` asks for up to there? */
bool trajectory_extends(const struct watch *longer, const struct watch *shorter);

/** What a longer job has in a shorter one: all before that one's end. */
struct trajectory_past {
    int64_t epoch;                       /* the end */
    struct moment_known reached[JUDGES]; /* mem and gen, by the longer one's judges */
    double *series[ARRAY_CHECKPOINTS];   /* [its points], as the first arrays of a family; NaN from the end on */
    size_t points;                       /* so many are not NaN                                               */
    const size_t *place;                 /* [points] where each of these stands in the curves of the shorter one */
    size_t *slot; /* [its slots] the shorter one's with the same weights; SIZE_MAX: still to come */
};
/** Read it from the store, into the arena; shorter: of the row.  *whole: all that `longer` asks for is there.  Fails
 *  as store_get. */
CHECKED int trajectory_look(struct store *s, const struct store_row *r, const struct watch *shorter,
                            const struct watch *longer, struct trajectory_past *out, bool *whole, struct arena *a,
                            struct err *e);

#endif
