/** job/lineage.h: a point of a grid -> the jobs that it asks for. */
#ifndef TOMBOLA_JOB_LINEAGE_H
#define TOMBOLA_JOB_LINEAGE_H

#include "job/planner.h"

enum { LINEAGE = 101 }; /* a dense job and `iterate` rounds */

/** A job as a point asks for it, before it has an index, and its parent an id. */
struct link {
    struct job_spec spec;
    const struct network *network;
    uint32_t shape, watch;
    bool keep;           /* its ancestors must be told to keep what it is made from: spec.t, spec.rewind */
    const char *control; /* the name of its block, or of its kind */
};

/** From the dense job to the point's own, each the parent of the next. */
struct lineage {
    struct link link[LINEAGE];
    size_t count, first; /* first: the first that the point itself describes; those before are only its parents */
};

/** The jobs of a point whose sections are bound, with prune rate k ("0.6") in place of the point's if it is not NULL.
 *  -1 if it asks for what cannot be; reported. */
CHECKED int lineage_make(struct planner *p, const struct sweep_point *point, const char *k, struct lineage *out);

#endif
