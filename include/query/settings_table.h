/** query/settings_table.h: the table settings; setting(id). */
#ifndef TOMBOLA_QUERY_SETTINGS_TABLE_H
#define TOMBOLA_QUERY_SETTINGS_TABLE_H

#include "base/checked.h"
#include "query/state.h"

#include <sqlite3.h>

void query_settings(struct query *q, struct query_table *out);
void query_settings_close(struct query *q);
/** Make setting(id) known to db.  An SQLite code. */
CHECKED int query_settings_add(sqlite3 *db, struct query *q);
void query_settings_describe(struct buf *out);

#endif
