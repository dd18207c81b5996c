/** query/function.h: functions of SQL over one store. */
#ifndef TOMBOLA_QUERY_FUNCTION_H
#define TOMBOLA_QUERY_FUNCTION_H

#include "base/checked.h"
#include "query/state.h"

#include <sqlite3.h>

struct query_function {
    const char *name;
    int least, most; /* arguments */
    /* Say the answer with sqlite3_result_*: 1; it is NULL: 0; -1 with *q->e filled. */
    int (*answer)(struct query *q, sqlite3_context *out, int argc, sqlite3_value **argv);
    const char *help;
};

extern const struct query_function query_jaccard;  /* query/masks.c */
extern const struct query_function query_epoch_of; /* query/arrays.c */
extern const struct query_function query_input_of; /* query/inputs.c */
extern const struct query_function query_setting;  /* query/settings_table.c */

/** Make them known to db.  An SQLite code. */
CHECKED int query_functions_add(sqlite3 *db, struct query *q);
/** Append what they do. */
void query_functions_describe(struct buf *out);

/** An argument as text, NULL if it is NULL. */
const char *query_text(sqlite3_value *value);

#endif
