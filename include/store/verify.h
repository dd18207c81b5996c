/** store/verify.h: every checksum, id and link. */
#ifndef TOMBOLA_STORE_VERIFY_H
#define TOMBOLA_STORE_VERIFY_H

#include "store/store.h"

struct verify_totals {
    size_t rows, committed, parts;
    uint64_t bytes;
    size_t faults;
};

/** The row of a fault that belongs to no row. */
#define VERIFY_NO_ROW UINT32_MAX

/** The dataset of a row whose parent is missing: nothing is wrong with the row itself. */
#define VERIFY_PARENT "jobs.parent"

/** Called for each fault: the row, its id ("" if it cannot be read), the dataset, what is wrong. */
typedef void verify_report(void *ctx, uint32_t row, const char *id, const char *dataset, const char *what);

/** Serial.  Check every row in use: row checksum; id = hash of the canonical text; parent and family links; every
 *  part of every committed row against its checksum (scratch of those that are done, too), and the checksums against
 * the job row.  Also the sweeps, grids, constants and the attributes of the root.  -1 only if the store cannot be
 * read at all. */
CHECKED int store_verify(struct store *s, verify_report *report, void *ctx, struct verify_totals *out, struct err *e);
/** The same of the rows alone that were written at `since` (Unix time) or later. */
CHECKED int store_verify_since(struct store *s, double since, verify_report *report, void *ctx,
                               struct verify_totals *out, struct err *e);

#endif
