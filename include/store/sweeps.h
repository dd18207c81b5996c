/** store/sweeps.h: records of /sweeps and /grids. */
#ifndef TOMBOLA_STORE_SWEEPS_H
#define TOMBOLA_STORE_SWEEPS_H

#include "base/checked.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;
struct grid_record;
struct store;
struct store_grid;
struct store_sweep;
struct sweep_record;

/** Does the record agree with its checksum, and lie in the text in use? */
bool sweep_sound(const struct store *s, const struct sweep_record *r);
/** Does the record's text lie behind those of the records before it, which end at *end?  No two share bytes, so that
 * all texts together are no longer than /sweep_text. */
CHECKED bool sweeps_next(const struct sweep_record *r, uint64_t *end);
/** A sweep's text in the arena, NUL-terminated; NULL if it does not agree with its checksum, or *e is filled. */
char *sweep_text(struct store *s, const struct sweep_record *r, struct arena *a, struct err *e);
bool sweeps_grid_sound(const struct store *s, const struct grid_record *r);
/** A record of /sweeps with its text, which is in the arena.  ERR_STORE if either is damaged. */
CHECKED int sweep_read(struct store *s, size_t i, struct arena *a, struct store_sweep *out, struct err *e);
/** At most BLOCK records of /grids. */
CHECKED int sweeps_read_uses(struct store *s, size_t first, size_t count, struct store_grid *out, struct err *e);

#endif
