/** store/add.h: an intake's rows are written. */
#ifndef TOMBOLA_STORE_ADD_H
#define TOMBOLA_STORE_ADD_H

#include "base/checked.h"

struct err;
struct intake;
struct store;

/** Write the intake's rows, uses and sweep into the room that is there, then commit all of it at once. */
CHECKED int add_intake(struct store *s, struct intake *in, struct err *e);

#endif
