/** store/open.h: opening and closing by one rank. */
#ifndef TOMBOLA_STORE_OPEN_H
#define TOMBOLA_STORE_OPEN_H

#include "disk/h5.h"

#include <stdint.h>

struct err;
struct store;

/** One of which nothing is open yet. */
struct store *store_new(const char *path);
/** Serial. */
CHECKED int store_open_serial(struct store **out, const char *path, enum use use, struct err *e);
/** Serial; the rows may be written, the structure is only read. */
CHECKED int store_open_rows(struct store **out, const char *path, struct err *e);
/** Close what was written and flushed.  -1 with *e: not all of it has reached the file. */
CHECKED int store_close_written(struct store *s, struct err *e);
/** Where the record of /owner is in the store at path.  ERR_IO if it has none, as one of format 1, or is an archive.
 */
CHECKED int store_owner_place(const char *path, uint64_t *at, struct err *e);
/** Before anybody writes to the store at path: undo a growth that was interrupted; can it be opened?  ERR_IO if it is
 *  an archive. */
CHECKED int store_inspect(const char *path, struct err *e);
/** ERR_IO, with the way out, if the store is only read: an archive, or one of format 1. */
CHECKED int store_can_run(const struct store *s, struct err *e);

#endif
