/** store/query_private.h: what query.c, query_table.c and query_print.c share. */
#ifndef TOMBOLA_STORE_QUERY_PRIVATE_H
#define TOMBOLA_STORE_QUERY_PRIVATE_H

#include "store/private.h"
#include "store/query.h"

#include <sqlite3.h>

/** An array of rows with columns as an SQL table. */
struct query_table {
    const char *name;
    const struct column *columns;
    size_t stride;
    const char *key; /* column with ids that `WHERE key = ...` and joins find at once; NULL: none */
    /* Fill row and count when the table is first used; -1 with *e filled. */
    int (*load)(struct query_table *t);
    struct store *s;
    struct arena *arena;
    struct err *e;
    bool loaded;
    char *row;
    size_t count;
    struct map index; /* of key: made by load */
};

/** Make the table known to db under its name.  An SQLite code. */
int query_table_add(sqlite3 *db, struct query_table *t);

/** Step q to its end and append what it gives.  An SQLite code, SQLITE_DONE if all went well. */
int query_print(struct buf *out, sqlite3_stmt *q, enum query_format format);

#endif
