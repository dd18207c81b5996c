/** store/structure.h: changes of structure, all of them or nothing. */
#ifndef TOMBOLA_STORE_STRUCTURE_H
#define TOMBOLA_STORE_STRUCTURE_H

#include "base/checked.h"

#include <stdbool.h>

struct err;
struct store;

/** A change of structure: all of it or, after a crash or an error, nothing of it. */
typedef int maker(const char *path, const void *what, struct err *e);
CHECKED int structure_change(const char *path, bool journaled, maker *make, const void *what, struct err *e);

/** Flush, then close.  -1 if anything did not reach the file: then s is left open, as HDF5 would stumble over it. */
CHECKED int structure_close(struct store *s, struct err *e);

#endif
