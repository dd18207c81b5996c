/** query/query.h: SQL over a store (SQLite virtual tables). */
#ifndef TOMBOLA_QUERY_QUERY_H
#define TOMBOLA_QUERY_QUERY_H

#include "query/form.h"
#include "store/store.h"

/** Serial.  Run one read-only SELECT and append its result to out as text.  Tables: jobs, grids, sweeps, series,
 *  checkpoints, measures, tensors (store_schema describes them); further aggregates: mean, median, stddev, quantile.
 *  They hold what is committed when they are read.  Missing numbers and empty texts are NULL, states and other enums
 *  are names, and a name in double quotes is a column or an error.  CSV is that of RFC 4180 with line feeds alone;
 * TSV has tabs, line feeds and backslashes in texts as \t, \n and \\; JSON is
 * {"schema":1,"columns":[...],"rows":[[...],...]}, JSONL an object a row; raw is every value as it stands, tabs
 * between them, no head, and a line feed behind a row that does not end with one.  sink, if there is one, is called
 * now and then while rows come in (a table, whose columns are as wide as their widest cell, comes at once), so that a
 * long answer takes little memory; what it has left is in out.  When it wants no more, the query ends, without an
 * error. Fails with ERR_SPEC for bad SQL and for anything but SELECT and WITH. specs, if it is not NULL: columns that
 * jobs of this version have; who asks for one that the store lacks is told that it is older. */
CHECKED int store_query(struct store *s, const char *sql, const struct column *specs, struct query_form form,
                        query_sink *sink, struct buf *out, struct err *e);

/** Jobs that are described and in no store yet. */
struct store_jobs {
    const struct column *spec; /* spec columns, offsets from 0; ends with COLUMN_END */
    size_t spec_size, count;
    void *ctx;
    void (*job)(void *ctx, size_t i, struct store_job *out);
};
/** Set out[i] of each job for which the SQL condition holds.  Its columns are those of the table jobs that say what a
 *  job is, not what came of it.  ERR_SPEC for bad SQL. */
CHECKED int store_where(const struct store_jobs *jobs, const char *where, bool *out, struct err *e);

/** Call found with the id of each job of the store for which the SQL condition holds, as behind WHERE in a query of
 * the table jobs; it may look at the others.  Damaged rows are passed over.  ERR_SPEC for bad SQL. */
typedef void store_found(void *ctx, const char *id);
CHECKED int store_find_where(struct store *s, const char *where, store_found *found, void *ctx, struct err *e);

/** Append the tables with their columns (type, unit, meaning), and the aggregates. */
void store_schema(struct store *s, struct buf *out);

#endif
