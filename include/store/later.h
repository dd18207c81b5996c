/** store/later.h: columns that rows of an earlier form lack, filled from what their jobs are. */
#ifndef TOMBOLA_STORE_LATER_H
#define TOMBOLA_STORE_LATER_H

#include "disk/convert.h"
#include "store/store.h"

struct later {
    const struct store_specs *specs;
    struct convert convert; /* of what the older form lacks */
    void *row;              /* of specs; NULL: it lacks nothing */
};

/** What rows of the older form do not have, and those of the newer form have.  In the arena; specs is borrowed. */
void later_open(struct later *l, const struct store_specs *specs, const struct column *older,
                const struct column *newer, struct arena *a);
/** Fill it into a row of the newer form; what the text does not say stays as it is. */
void later_fill(const struct later *l, const char *canonical, void *image);

#endif
