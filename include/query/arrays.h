/** query/arrays.h: the tables series, checkpoints, measures and tensors; epoch_of. */
#ifndef TOMBOLA_QUERY_ARRAYS_H
#define TOMBOLA_QUERY_ARRAYS_H

#include "base/checked.h"
#include "query/state.h"

#include <sqlite3.h>

void query_arrays(struct query *q, struct query_table out[QUERY_ARRAYS]);
/** Make epoch_of(id, series, bound) known to db.  An SQLite code. */
CHECKED int query_arrays_add(sqlite3 *db, struct query *q);
void query_arrays_describe(struct buf *out);

#endif
