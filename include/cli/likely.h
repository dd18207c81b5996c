/** cli/likely.h: how long jobs that stop rules may end are taken to last: as long as finished jobs of their kind. */
#ifndef TOMBOLA_CLI_LIKELY_H
#define TOMBOLA_CLI_LIKELY_H

#include "cli/sheet.h"
#include "cli/timing.h"

/** Append what jobs have in common that differ in their seeds alone: a text without the seed, and without the parent,
 * which has the same. */
void likely_kind(const char *canonical, struct buf *out);

/** Fill s->likely.  row [jobs]: of each job in the store, NULL without one; store and row may be NULL. */
void likely_find(struct sheet *s, struct store *store, const struct store_row *const *row);

/** May a rule end it before its length? */
bool likely_may_end(const struct sheet *s, size_t job);

/** What the rules are expected to save. */
void likely_print(const struct sheet *s, const struct timing *timing, struct buf *out);
void likely_json(const struct sheet *s, const struct timing *timing, struct buf *out);

#endif
