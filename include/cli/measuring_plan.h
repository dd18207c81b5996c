/** cli/measuring_plan.h: which measures are to be computed for which finished jobs of a store. */
#ifndef TOMBOLA_CLI_MEASURING_PLAN_H
#define TOMBOLA_CLI_MEASURING_PLAN_H

#include "cli/lacks.h"
#include "farm/farm.h"
#include "job/measures.h"
#include "job/plan.h"

struct measuring_list {
    const struct watch_measure *measure;
    size_t measures;
};

struct measuring_plan {
    struct arena arena;
    struct measuring_list *list; /* different lists of measures                                 */
    size_t lists;
    struct farm_job *job; /* label: the row, from the list of that index */
    size_t jobs;
    struct store_annex *annex; /* that the store must have                                    */
    size_t annexes;
    size_t complete, unfinished, meaningless; /* jobs that are left out, and why                             */
    struct lacks lacks;     /* what this program cannot compute for finished jobs of a sweep            */
    struct err_list errors; /* of a sweep file                                             */
    struct buf text;        /* the lists, for measuring_plan_read                          */
};

/** Serial, rank 0, which has the lock.  what: a kind of measure, or a sweep file.  inputs: gets the splits that jobs
 * which are looked at take from files.  ERR_SPEC if it is neither, or if the store holds something else under the
 * same name; *e is set, too, if out->errors has what is wrong with the file. */
CHECKED int measuring_plan_make(struct measuring_plan *out, const char *store, const char *what,
                                struct input_table *inputs, struct err *e);
/** The same for what a sweep asks for, in a store that is open; also annexes for the jobs of it that are not done
 * yet.
 */
CHECKED int measuring_plan_of_sweep(struct measuring_plan *out, struct store *store, const struct plan *sweep,
                                    struct input_table *inputs, struct err *e);
/** Any rank.  The lists from the text of another rank's plan, which must stay. */
void measuring_plan_read(struct measuring_plan *out, const char *text);
void measuring_plan_release(struct measuring_plan *p);

#endif
