/** job/judge.h: what a judge makes of a job that the store holds, whichever judges it was trained for. */
#ifndef TOMBOLA_JOB_JUDGE_H
#define TOMBOLA_JOB_JUDGE_H

#include "job/ending.h"
#include "job/recording.h"
#include "store/store.h"

/** Completed epochs at which a job first passed; COLUMN_NO_INT: never.  tau_grok: t_gen / t_mem, NaN without both. */
struct judged {
    int64_t t_mem, t_gen;
    double tau_grok;
};
double judge_tau(int64_t t_mem, int64_t t_gen);
/** Of a row whose training has ended: did it come to its length? */
bool judge_is_whole(const struct store_row *r);
/** Is that how the row's own t_mem and t_gen were found?  Rows of format 1 do not say it, and then their family's
 * first judge found them. */
bool judge_of_row(const struct store_row *r, const struct watch *w, const struct judge *judge);
/** What the judge makes of all that a row was trained, whoever needed that; w: its family's.  *known is false if the
 *  curves lack an evaluation that the judge looks at and the row was not trained for it.  Fails as store_get does. */
CHECKED int judge_find(struct store *s, const struct store_row *r, const struct watch *w, const struct judge *judge,
                       struct judged *out, bool *known, struct err *e);
/** The same up to where rules end the job, or, if these are "", its length: how a grid sees it.  *known is false, too,
 *  if the row was not trained so far. */
struct judged_end {
    struct judged found;
    int64_t epoch;
    char by[STORE_RULE]; /* the rule that ended it; "": its length */
    double value[STOP_VALUES];
};
CHECKED int judge_end(struct store *s, const struct store_row *r, const struct watch *w, const struct judge *judge,
                      const char *stop, struct judged_end *out, bool *known, struct err *e);
/** The slot with the row's weights at t, an epoch or a judge's moment; SIZE_MAX if they are not there (yet).  *never:
 *  the training has come to the job's length, and that moment did not come.  A moment of another judge than those it was trained for may
 *  fall on an epoch that is kept all the same. */
CHECKED int judge_slot(struct store *s, const struct store_row *r, const struct watch *w, const struct judge *judge,
                       const struct moment *t, size_t *slot, bool *never, struct err *e);

#endif
