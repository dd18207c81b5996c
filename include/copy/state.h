/** copy/state.h: a copy that is being made: sources, jobs, families. */
#ifndef TOMBOLA_COPY_STATE_H
#define TOMBOLA_COPY_STATE_H

#include "base/map.h"
#include "copy/wish.h"
#include "store/later.h"
#include "store/tables.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COPY_NOWHERE UINT32_MAX

struct source { /* a store that is copied */
    struct store *s;
    uint32_t *family; /* [families] index in copy->family                */
    uint32_t *row;    /* [rows] row in the copy, or COPY_NOWHERE         */
    struct judged {   /* [rows] that are in the copy                     */
        double threshold;
        int64_t spacing;
    } * judged;
    struct convert columns; /* its rows of /jobs to the copy's                 */
    struct later later;     /* what the copy's have and its rows have not      */
};
struct spot {             /* where a source has a job */
    uint32_t row, family; /* COPY_NOWHERE: it has not; index in copy->family */
};
struct item { /* a job */
    struct id id, parent;
    bool finished;       /* somewhere                                  */
    bool chosen, needed; /* by the wish; by a job that goes into the copy and was made from it */
};
struct copied_family {
    const struct family *like; /* the first source's that has it                       */
    struct store_family own;   /* what the copy takes of that                          */
    const struct source *source;
    const char *name;
    size_t rows, used; /* reserved for it, and taken so far                    */
    size_t index;      /* in the copy                                          */
};
struct copy {
    const struct copy_wish *wish;
    struct copy_totals *totals;
    struct arena arena;
    struct source *source;
    size_t sources;
    struct item *item;
    size_t items;
    struct spot *spot;                 /* [items][sources] */
    struct map index;                  /* id -> item       */
    struct map grid_place;             /* name of a grid -> place in grid_wanted */
    bool *grid_wanted;                 /* NULL: all                              */
    struct map sweep_seen, sweep_left; /* names of sweeps with a record in /grids; with a job in the copy */
    struct copied_family *family;
    size_t families;
    struct store *to;
    void *image, *part;    /* a row of the copy's /jobs; one part of any array */
    uint64_t *sums, *none; /* of a row of any family; zeros                 */
    size_t *slot;          /* [sources] the row of the copy's family that the job at work has taken for it */
    size_t *order;         /* [sources] those that have trained it furthest first ... */
    int64_t *epochs;       /* ... how far; -1: it is not done there                  */
    double shown;
};

#endif
