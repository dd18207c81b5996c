/** copy/say.h: what becomes of a row is said and counted. */
#ifndef TOMBOLA_COPY_SAY_H
#define TOMBOLA_COPY_SAY_H

#include "copy/state.h"

/** Say something of a row of a source; id may be "". */
void copy_say(struct copy *c, enum copy_event event, const struct source *from, const char *id, const char *what);

#endif
