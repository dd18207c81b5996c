/** query/math.h: aggregates. */
#ifndef TOMBOLA_QUERY_MATH_H
#define TOMBOLA_QUERY_MATH_H

#include "query/state.h"

#include <sqlite3.h>

/** Make mean, median, stddev and quantile known to db.  An SQLite code. */
CHECKED int query_math_add(sqlite3 *db);
/** Append what they do, a line each. */
void query_math_describe(struct buf *out);

#endif
