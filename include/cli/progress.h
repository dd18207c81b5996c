/** cli/progress.h: how far a run is, for people.
 *
 *  On a terminal one moving line, elsewhere a line now and then:
 *
 *      12/40 jobs done (1 failed), 1834 epochs/s, 3 min 04 s left | 0: ticket seed 1 45% | 1: dense seed 0 12%
 */
#ifndef TOMBOLA_CLI_PROGRESS_H
#define TOMBOLA_CLI_PROGRESS_H

#include "base/buf.h"
#include "cli/pace.h"
#include "farm/farm.h"

struct progress {
    const char *(*label_text)(void *ctx, struct farm_label label, char out[64]);
    bool (*look)(void *ctx,
                 struct pace *out); /* what the store says, as status has it; NULL: by the farm's own count */
    void *ctx;
    double opened, shown, every; /* seconds */
    size_t skipped;              /* of the blocked jobs, those that there is nothing to train of: the caller's */
    struct buf line;
};

/** label_text names a job; it may write into out and may return it.  A line every 0.5 s on a terminal, else every
 *  30 s, so that a short run in a log file shows none. */
void progress_open(struct progress *p, const char *(*label_text)(void *ctx, struct farm_label label, char out[64]),
                   void *ctx);
/** As often as one likes. */
void progress_show(struct progress *p, const struct farm_progress *f);
/** The moving line goes away. */
void progress_close(struct progress *p);

/** The line at clock_wall `now`, at most columns characters: what each rank trains as far as there is room ("+3": so
 *  many more).  Replaces what is in p->line and returns its text. */
const char *progress_line(struct progress *p, const struct farm_progress *f, double now, size_t columns);

#endif
