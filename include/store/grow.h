/** store/grow.h: larger tables and new families for an intake. */
#ifndef TOMBOLA_STORE_GROW_H
#define TOMBOLA_STORE_GROW_H

#include "base/checked.h"

#include <stdbool.h>

struct err;
struct intake;
struct store;

/** Does the store lack columns or room for the intake? */
bool grow_needed(const struct store *s, const struct intake *in);
CHECKED int grow_build(const char *path, const void *intake, struct err *e);

#endif
