/** query/print.h: what a query gives, in the form asked for. */
#ifndef TOMBOLA_QUERY_PRINT_H
#define TOMBOLA_QUERY_PRINT_H

#include "query/form.h"

#include <sqlite3.h>

/** Step q to its end and append what it gives.  An SQLite code, SQLITE_DONE if all went well. */
CHECKED int query_print(struct buf *out, query_sink *sink, sqlite3_stmt *q, struct query_form form);

#endif
