/** query/masks.h: jaccard(a, b). */
#ifndef TOMBOLA_QUERY_MASKS_H
#define TOMBOLA_QUERY_MASKS_H

#include "base/checked.h"
#include "query/state.h"

#include <sqlite3.h>

/** Make jaccard known to db.  An SQLite code. */
CHECKED int query_masks_add(sqlite3 *db, struct query *q);
void query_masks_describe(struct buf *out);

#endif
