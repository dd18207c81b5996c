/** store/journal.h: undo for changes of structure. */
#ifndef TOMBOLA_STORE_JOURNAL_H
#define TOMBOLA_STORE_JOURNAL_H

#include "base/checked.h"

#include <stdbool.h>

struct err;

/** Save everything outside the raw extents of the datasets to PATH.undo. */
CHECKED int journal_begin(const char *path, struct err *e);
CHECKED int journal_end(const char *path, struct err *e);
/** Undo an interrupted growth, if there was one. */
CHECKED int journal_replay(const char *path, struct err *e);
bool journal_exists(const char *path);
/** A new store comes to path: a journal there is of one that was there before, which may have been moved; it is kept
 * under another name. */
CHECKED int journal_set_aside(const char *path, struct err *e);

#endif
