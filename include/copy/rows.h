/** copy/rows.h: rows and their arrays. */
#ifndef TOMBOLA_COPY_ROWS_H
#define TOMBOLA_COPY_ROWS_H

#include "copy/state.h"

CHECKED int copy_rows(struct copy *c, struct err *e);

#endif
