/** store/copy_private.h: what copy.c, copy_choose.c, copy_plan.c, copy_rows.c and copy_records.c share. */
#ifndef TOMBOLA_STORE_COPY_PRIVATE_H
#define TOMBOLA_STORE_COPY_PRIVATE_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "copy/copy.h"
#include "disk/convert.h"
#include "store/state.h"
#include "store/store.h"
#include "store/tables.h"

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
    double shown;
};

/** Say something of a row of a source; id may be "". */
void copy_say(struct copy *c, enum copy_event event, const struct source *from, const char *id, const char *what);

/* ---- copy_choose.c ---- */

/** Items with their places are known: mark those that are chosen, and those that these need.  ERR_SPEC: there is no
 * such grid or column, or nothing is left. */
CHECKED int copy_choose(struct copy *c, struct err *e);
/** Does the wish leave out any jobs? */
bool copy_chooses(const struct copy *c);
/** Is the job to be in the copy? */
bool copy_wants(const struct copy *c, const struct item *item);
/** Is the use of a job by this grid to be in the copy, if the job is? */
bool copy_wants_grid(const struct copy *c, const struct grid_record *r);

/* ---- copy_plan.c ---- */

/** Families, and jobs with their places. */
CHECKED int copy_plan(struct copy *c, struct err *e);
/** An empty store at path with room for all of it. */
CHECKED int copy_create(struct copy *c, const char *path, struct err *e);

/* ---- copy_rows.c ---- */

CHECKED int copy_rows(struct copy *c, struct err *e);

/* ---- copy_records.c ---- */

/** Names and values of the root's attributes, as a need has them. */
const char *const *copy_provenance(struct copy *c);
/** Of the name of a sweep, in STORE_NAME bytes. */
struct id copy_sweep_key(const char *name);
/** Grids and sweeps; c->to->control follows. */
CHECKED int copy_records(struct copy *c, struct err *e);

#endif
