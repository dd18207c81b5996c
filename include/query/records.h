/** query/records.h: the tables jobs, grids and sweeps. */
#ifndef TOMBOLA_QUERY_RECORDS_H
#define TOMBOLA_QUERY_RECORDS_H

#include "query/state.h"

#include <sqlite3.h>

/** jobs, grids, sweeps; series, checkpoints, measures, tensors; settings. */
void query_records(struct query *q, struct query_table out[QUERY_RECORDS]);
/** The row of the job with that id.  1: found, 0: there is none, -1 with *q->e filled. */
CHECKED int query_find(struct query *q, const char *id, size_t *row);

#endif
