/** cli/find.h: jobs as people name them. */
#ifndef TOMBOLA_CLI_FIND_H
#define TOMBOLA_CLI_FIND_H

#include "store/store.h"

/** The row of the one job whose id begins with prefix, of at least 4 characters.  ERR_SPEC if there is none, or more
 *  than one. */
CHECKED int find_job(const struct store_row *row, size_t rows, const char *prefix, size_t *at, struct err *e);

#endif
