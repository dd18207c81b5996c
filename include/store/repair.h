/** store/repair.h: damaged rows of /jobs are made ready for training again. */
#ifndef TOMBOLA_STORE_REPAIR_H
#define TOMBOLA_STORE_REPAIR_H

#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
struct store;

/** Every sound row of /jobs with a fault in its data or texts is trained again: a finished one beside what is there,
 * any other from the beginning.  Rows that are damaged themselves are left to the intake. */
CHECKED int repair_rows(struct store *s, const struct store_need *need, struct err *e);
/** The same of rows that were written at `since` (Unix time) or later.  *count says how many. */
CHECKED int repair_recent(struct store *s, double since, size_t *count, struct err *e);

#endif
