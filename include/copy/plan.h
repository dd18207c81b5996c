/** copy/plan.h: what a copy will hold, and an empty store for it. */
#ifndef TOMBOLA_COPY_PLAN_H
#define TOMBOLA_COPY_PLAN_H

#include "copy/state.h"

/** Families, and jobs with their places. */
CHECKED int copy_plan(struct copy *c, struct err *e);
/** An empty store at path with room for all of it. */
CHECKED int copy_create(struct copy *c, const char *path, struct err *e);

#endif
