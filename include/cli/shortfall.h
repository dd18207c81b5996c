/** cli/shortfall.h: what a sweep file asks for and the jobs that the store holds were not recorded with. */
#ifndef TOMBOLA_CLI_SHORTFALL_H
#define TOMBOLA_CLI_SHORTFALL_H

#include "cli/sheet.h"

/** Look at every job of the plan that the store holds; row[i]: its row there, NULL if it has none.  Jobs that are not
 *  done and lack something, and with s->retrain those that are, are planned anew (s->fate, and the plan's family), in
 *  all ways that they were and are to be recorded in; what the others lack is counted in s->shortfall.  ERR_SPEC: one
 * name means two measures. */
CHECKED int shortfall_find(struct sheet *s, struct store *store, struct store_row *const *row, struct err *e);
/** Count again, of the rows as they are now, what cannot be had by training: s->shortfall.behind.  row: as above. */
CHECKED int shortfall_look_back(struct sheet *s, struct store *store, struct store_row *const *row, struct err *e);
/** A sentence or two about what finished jobs lack, into out; "" if they lack nothing.  Returns out. */
char *shortfall_text(const struct sheet *s, char *out, size_t size);

#endif
