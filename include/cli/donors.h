/** cli/donors.h: which jobs go on from shorter ones of their trajectories, in the store or in the same run. */
#ifndef TOMBOLA_CLI_DONORS_H
#define TOMBOLA_CLI_DONORS_H

#include "cli/session.h"
#include "farm/farm.h"

/** Fill s->donor, when all else is known of the sheet.  row [rows]: of its store, which may be NULL. */
void donors_find(struct sheet *s, struct store *store, const struct store_row *row, size_t rows);

/** In a run: who waits for whom, and whose end is kept only until the others have it. */
struct donors {
    struct session *session;
    const uint32_t *plan_of; /* farm index -> plan index           */
    uint32_t *heirs;         /* per job of the plan: in this run, and not yet ended */
    bool *trained;           /* the same: in this run, to its end  */
};
/** job [count] is what the farm will be given, farm_of: plan index -> farm index, PLAN_NONE without one.  Jobs come
 * after their donors, and are told who these are, and what to leave behind. */
void donors_open(struct donors *d, struct session *session, struct farm_job *job, size_t count,
                 const uint32_t *plan_of, const uint32_t *farm_of);
/** A job has ended, or will never run: an end that nobody asks for any more is forgotten. */
void donors_ended(struct donors *d, size_t job, bool done);

#endif
