/** store/orphans.h: rows of families that are nobody's. */
#ifndef TOMBOLA_STORE_ORPHANS_H
#define TOMBOLA_STORE_ORPHANS_H

#include "base/checked.h"

struct err;
struct store;
struct store_row;

/** Forget what is in rows of families that are nobody's, and give their space back; not if a row of /jobs is damaged.
 */
CHECKED int orphans_release(struct store *s, struct err *e);
/** Nothing points at the row's arrays any more: forget them, and give their space back. */
void orphans_release_row(struct store *s, const struct store_row *r);

#endif
