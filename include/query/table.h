/** query/table.h: one SQL table over rows of a store. */
#ifndef TOMBOLA_QUERY_TABLE_H
#define TOMBOLA_QUERY_TABLE_H

#include "query/state.h"

#include <sqlite3.h>

/** Make the table known to db under its name.  An SQLite code. */
CHECKED int query_table_add(sqlite3 *db, struct query_table *t);
/** The SQL type of a column. */
const char *query_type(enum column_type type);

#endif
