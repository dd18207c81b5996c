/** store/commit.h: rows that count from the moment on when their data are on the disk. */
#ifndef TOMBOLA_STORE_COMMIT_H
#define TOMBOLA_STORE_COMMIT_H

#include "base/checked.h"

struct err;
struct store;
struct store_row;

/** Have that written when the row's data are on the disk; the annex's own path. */
CHECKED int commit_annex_soon(struct store *s, const struct store_row *r, const char *annex, struct err *e);

#endif
