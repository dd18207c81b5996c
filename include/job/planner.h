/** job/planner.h: what a sweep file becomes a plan with.  bind.c reads the sections of a point, lineage.c makes jobs
 * of them, plan.c puts these into the plan.  Nobody else includes it. */
#ifndef TOMBOLA_JOB_PLANNER_H
#define TOMBOLA_JOB_PLANNER_H

#include "base/map.h"
#include "job/keys.h"
#include "job/plan.h"

enum { GRID_ERRORS = 20 }; /* a grid with more errors than this is not looked at any further */

/** The sections of a point, bound: a network, its task and its training. */
struct network {
    struct job_spec spec; /* without control and keys */
    struct buf sections;  /* its spec_print_sections */
    uint32_t shape, watch;
    enum plan_section task, model, training; /* where these were given */
};

/** What the points of one grid have in common is bound once and kept until a section's serial changes.  The control,
 *  which most grids vary, is bound apart from the sections that make the network. */
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
    struct network own, dense; /* of the point's jobs; of the dense job, with the sections of the parent */
    uint32_t scored_shape;     /* own.shape, with scores if the control trains such             */
    struct recording recording;
    struct lineage *lineage; /* of the point: job/lineage.h */
    struct {
        const struct sweep_value *given; /* in a point of the grid, the first */
        bool varies, taken;              /* by the control of some point      */
    } key[JOB_KEYS];                     /* by their place in job_keys        */
    struct buf text;                     /* of the job at hand */
    struct map job;                      /* id -> index in the plan */
    struct map moment_of;                /* of a text -> index of moment */
    const struct moment **moment;        /* every t of the plan */
    size_t moments;
    uint32_t merged, other, both; /* watches: the last two that were merged, and what came of it */
    uint32_t *used_by;            /* per job: grid + 1 that used it last */
};

/** Append *e, with the place if it has none, unless the same was said before; clears *e and returns -1. */
int planner_report(struct planner *p, struct mark at, const char *path, struct err *e);
/** Make a task's texts, and the list of its teacher, what they mean (job/given.c).  Errors are left in *e, with the
 * key or the place. */
CHECKED int planner_task(const struct planner *p, const struct sweep_part *part, struct job_spec *s, struct err *e);
/** Replace a model's tree by what it means on this task, reporting what is wrong with it (job/given.c).  Nothing for
 * models that are none. */
CHECKED int planner_expand(struct planner *p, const struct sweep_part *part, struct job_spec *s,
                           const struct task_shape *shape);
/** Likewise its `tensors`; after planner_expand. */
CHECKED int planner_tensors(struct planner *p, const struct sweep_part *part, struct job_spec *s,
                            const struct task_shape *shape);
/** The index of an equal watch, added if there is none. */
uint32_t planner_add_watch(struct planner *p, const struct watch *w);
/** Bind the sections of a point and its control into p->own and p->dense, unless they are bound already.  False if
 *  they are wrong. */
CHECKED bool planner_bind(struct planner *p, const struct sweep_point *point);
/** Has the point data that its network cannot tell apart?  Reported, once for each task and model. */
CHECKED bool planner_mirrored(struct planner *p, const struct sweep_point *point);

#endif
