/** query/inputs.h: input_of(id, key). */
#ifndef TOMBOLA_QUERY_INPUTS_H
#define TOMBOLA_QUERY_INPUTS_H

#include "base/checked.h"
#include "query/state.h"

#include <sqlite3.h>

/** Make input_of(id, key) known to db.  An SQLite code. */
CHECKED int query_inputs_add(sqlite3 *db, struct query *q);
void query_inputs_describe(struct buf *out);

#endif
