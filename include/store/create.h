/** store/create.h: empty stores. */
#ifndef TOMBOLA_STORE_CREATE_H
#define TOMBOLA_STORE_CREATE_H

#include "store/tables.h"

#include <stddef.h>

struct arena;
struct column;
struct err;
struct store_need;

/** What an empty store is made of. */
struct blank {
    enum use use;                  /* WRITING or PACKING                                                       */
    const struct column *columns;  /* of /jobs                                                                 */
    size_t bytes;                  /* of a row                                                                 */
    size_t capacity[TABLES];       /* records to reserve                                                       */
    const char *const *provenance; /* as of a need; with ARCHIVE among the names everything will be compressed */
};
CHECKED int create_blank(const char *path, const struct blank *b, struct err *e);
/** An empty store at path, with capacity for what need asks. */
CHECKED int create_empty(const char *path, const struct store_need *need, struct err *e);
/** The row of /jobs: the fixed columns, then the need's and those of `old` (may be NULL), whichever holds more.
 *  *bytes is the row's size.  NULL if they do not fit in a page. */
struct column *create_columns(const struct column *spec, const struct column *old, size_t *bytes, struct arena *a);

#endif
