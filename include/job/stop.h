/** job/stop.h: the rules that end a job before its length (`record: {stop: ...}`).
 *
 *  A rule is a moment (`gen + 2000`), or a condition on what an evaluation finds (`train_loss < 1e-6`), which may
 * have to hold for some epochs: at every evaluation of them.  Of a list the first that comes counts.
 */
#ifndef TOMBOLA_JOB_STOP_H
#define TOMBOLA_JOB_STOP_H

#include "job/moment.h"
#include "num/formula.h"
#include "store/store.h"

enum { STOP_RULES = 8, STOP_VALUES = 4 }; /* train loss, train accuracy, test loss, test accuracy */

struct stop_rule {
    char text[STORE_RULE]; /* canonical: "test_accuracy > 0.95 for 2000 epochs" */
    struct moment moment;  /* moment_none: it is a condition ...                */
    struct formula condition;
    struct count hold; /* ... that has held so long */
};

struct stop {
    struct stop_rule rule[STOP_RULES];
    size_t rules;
};

/** As the check of a FIELD_LINES: "gen + 2000, train_loss < 1e-06", in their order, each once; "": none. */
CHECKED int stop_check(const char *text, char *canonical, size_t size, struct err *e);
/** In a job as of moment_resolve, of a regression or not: text, which was checked, says `final` as a number. ERR_SPEC
 * as there, and for the accuracy of a regression, which has none. */
CHECKED int stop_resolve(char text[STORE_STOP], struct count final, int64_t epoch_steps, bool regression,
                         struct err *e);
/** Is anything in it said in steps? */
bool stop_in_steps(const char *text);
/** Rules that were checked. */
void stop_read(struct stop *out, const char *text);

/** Is that what a rule waits for, at an evaluation?  due: when its moment comes, if that is known.  value
 * [STOP_VALUES]; since: from which epoch on its condition has held, -1: it does not; the caller keeps it from one
 * evaluation to the next. */
CHECKED bool stop_has_come(const struct stop_rule *r, clock_steps clock, int64_t epoch, int64_t due,
                           const double *value, int64_t *since);

#endif
