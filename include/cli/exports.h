/** cli/exports.h: what of a job can be exported, by the names that `tombola export` knows. */
#ifndef TOMBOLA_CLI_EXPORTS_H
#define TOMBOLA_CLI_EXPORTS_H

#include "base/buf.h"
#include "store/store.h"

/** Slots of the job's checkpoints, and the epoch of one of them; -1: nothing was written there. */
size_t exports_slots(const struct store *s, const struct store_row *r);
/** The epoch of `final`: a job's end, as the row has it. */
int64_t exports_final(const struct store_row *r);
int64_t exports_epoch(struct store *s, const struct store_row *r, size_t slot);

/** Append the epochs whose weights are there, ascending: "0, 150 (mem), 1000, 6000 (final)"; nothing if none are. */
void exports_epochs(struct store *s, const struct store_row *r, struct buf *out);

/** Append a line "WHAT  what it is" for everything that there is.  each_epoch: weights and trained masks have a line
 * an epoch instead of one for all. */
void exports_list(struct store *s, const struct store_row *r, bool each_epoch, struct buf *out);

#endif
