/** store/query.h: SQL over a store (SQLite virtual tables). */
#ifndef TOMBOLA_STORE_QUERY_H
#define TOMBOLA_STORE_QUERY_H

#include "base/buf.h"
#include "base/err.h"
#include "store/store.h"

enum query_format { QUERY_TABLE, QUERY_CSV, QUERY_JSON };

/** Serial.  Run one read-only SELECT and append its result to out as text.  Tables: jobs (every column of /jobs; missing
 *  numbers and empty texts are NULL; only rows in use), grids (sweep, grid, id).  Fails with ERR_SPEC for bad SQL. */
int store_query(struct store *s, const char *sql, enum query_format format, struct buf *out, struct err *e);

#endif
