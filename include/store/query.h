/** store/query.h: SQL over a store (SQLite virtual tables). */
#ifndef TOMBOLA_STORE_QUERY_H
#define TOMBOLA_STORE_QUERY_H

#include "base/buf.h"
#include "base/err.h"
#include "store/store.h"

enum query_format { QUERY_TABLE, QUERY_CSV, QUERY_JSON };

/** Serial.  Run one read-only SELECT and append its result to out as text.  Tables: jobs (every column of /jobs;
 *  missing numbers and empty texts are NULL, states and other enums are names; intact rows in use), grids (sweep,
 *  grid, id).  CSV is that of RFC 4180; JSON is {"schema":1,"columns":[...],"rows":[[...],...]}.  Fails with ERR_SPEC
 *  for bad SQL and for anything but SELECT and WITH. */
int store_query(struct store *s, const char *sql, enum query_format format, struct buf *out, struct err *e);

#endif
