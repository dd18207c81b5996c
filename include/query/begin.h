/** query/begin.h: a database over one store: its tables and functions. */
#ifndef TOMBOLA_QUERY_BEGIN_H
#define TOMBOLA_QUERY_BEGIN_H

#include "query/state.h"

#include <sqlite3.h>

/** All tables of q->s. */
void query_open(struct query *q, struct query_table table[QUERY_TABLES]);
/** A database with the tables and functions of q->s, of which sql may name some; NULL with *q->e filled.  To be
 * closed, and q with query_close. */
sqlite3 *query_begin(struct query *q, struct query_table table[QUERY_TABLES], const char *sql);
void query_close(struct query *q);
/** A database without tables, in which a misspelt name in double quotes is an error, with the aggregates. */
sqlite3 *query_database(void);
/** From now on nothing but SELECT and WITH. */
void query_only_reads(sqlite3 *db);
/** Say in *e what SQLite has against a query, with the nearest name of what there is; returns -1. */
CHECKED int query_error(sqlite3 *db, const struct query_table *table, size_t tables, struct err *e);

#endif
