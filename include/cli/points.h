/** cli/points.h: what a sweep varies, and the jobs that come of it. */
#ifndef TOMBOLA_CLI_POINTS_H
#define TOMBOLA_CLI_POINTS_H

#include "base/buf.h"
#include "cli/sheet.h"

/** Append a line for each grid that jobs of the sheet are of: its points, and its axes with their values. */
void points_grids(const struct sheet *s, struct buf *out);
/** The same as JSON, "axes":[...], with all values. */
void points_grids_json(const struct sheet *s, struct buf *out);
/** Append a line for each job: id, state, grids, and every key that is not the same for all of them, named as
 *  --where and SQL name it. */
void points_jobs(struct sheet *s, struct buf *out);

#endif
