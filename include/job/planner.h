/** job/planner.h: what plan.c and bind.c share while a sweep file is expanded.  Nobody else includes it. */
#ifndef TOMBOLA_JOB_PLANNER_H
#define TOMBOLA_JOB_PLANNER_H

#include "job/plan.h"

enum { GRID_ERRORS = 20 }; /* a grid with more errors than this is not looked at any further */

/* What the points of one grid have in common is bound once and kept until a section's serial changes.  The control,
 * which most grids vary, is bound apart from the sections that make the network. */
struct planner {
    struct plan *plan;
    struct arena *arena;
    struct err_list *errors;
    const char *file; /* of the grid */
    size_t grid, grid_errors;
    bool bound, failed; /* the current sections are bound; and were found wrong */
    bool control_failed;
    uint64_t seen[SECTIONS]; /* serials of what was looked at for mirror images, */
    bool looked, mirrored;   /* in this grid; and what was found                  */
    uint64_t serial[SECTIONS];
    struct job_spec own, parent; /* own: the point's sections; parent: a dense job under parent_training */
    struct job_spec middle;      /* a round of iterative pruning before the last */
    int64_t rounds, rewind;      /* of the point                                 */
    struct plan_gate gate;       /* of the point: what its own jobs, the dense one apart, wait for */
    bool looking;                /* add_job only looks: a job that is not there is not added       */
    struct recording recording;
    uint32_t own_shape, job_shape, parent_shape, own_watch, parent_watch;
    struct buf own_text, parent_text; /* their spec_print_sections */
    struct buf text;                  /* of the job at hand */
    uint32_t *slot;                   /* open addressing by id: index + 1 of a job, 0 = free */
    size_t slots;
    uint32_t *used_by; /* per job: grid + 1 that used it last */
};

/** Room for one more element in an arena array that doubles; count is what it holds now. */
void *planner_grow(struct arena *a, void *array, size_t count, size_t size);
/** Append *e, with the place if it has none, unless the same was said before; clears *e and returns -1. */
int planner_report(struct planner *p, struct mark at, const char *path, struct err *e);
/** The index of an equal watch, added if there is none. */
uint32_t planner_add_watch(struct planner *p, const struct watch *w);
/** Bind the sections of a point into p->own and p->parent, unless they are bound already.  False if they are wrong.
 */
CHECKED bool planner_bind(struct planner *p, const struct sweep_point *point);
/** Has the point data that its network cannot tell apart?  Reported, once for each task and model. */
CHECKED bool planner_mirrored(struct planner *p, const struct sweep_point *point);

#endif
