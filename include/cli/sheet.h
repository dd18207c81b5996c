/** cli/sheet.h: a sweep file beside the store that holds, or will hold, its jobs. */
#ifndef TOMBOLA_CLI_SHEET_H
#define TOMBOLA_CLI_SHEET_H

#include "cli/cli.h"
#include "cli/lacks.h"
#include "cli/pace.h"
#include "job/plan.h"

#include <limits.h>

/** What finished jobs of the store lack of what the sweep file asks for. */
struct shortfall {
    size_t jobs;                              /* that have to be trained again for it; of them lack */
    size_t evaluations, checkpoints, weights; /* ... these; weights: that others are made from      */
    double seconds;                           /* that their training took                           */
    size_t behind; /* jobs that are trained beyond a grid's end, from which its measures look back */
};

/** How far a job has come in the store, if it is there. */
struct sheet_row {
    double epochs;       /* that are done of its last training; 0 if that begins anew */
    double t_mem, t_gen; /* in epochs, as the row has them; below 0: not reached      */
    struct judge judge;  /* who found them                                            */
};

/** The row of a job that is trained again. */
struct sheet_was {
    uint32_t at;
    struct store_row row;
};

/** From whom a job takes over the epochs up to that one's end, if everything that it asks for is there. */
struct sheet_donor {
    uint32_t job; /* of the plan, trained in the same run; PLAN_NONE: none                  */
    uint32_t row; /* of the store; JOB_NO_PARENT: none.  Taken if the one above cannot be had */
    double epoch; /* of the end of the first of them that there is; 0: it begins at its beginning */
    struct id id; /* its id */
};

struct sheet {
    struct arena arena;
    struct plan plan;
    char store[PATH_MAX];
    bool store_exists;
    const char *read_only;  /* what the store is if it has to be merged before it can be run; NULL: nothing */
    uint64_t bytes_missing; /* that jobs of the plan which the store has begun will still take of the disk */
    const char **why;       /* per job of the plan: the store's reason why it failed or is blocked; NULL: none */
    uint8_t *fate;          /* per job of the plan: enum store_fate */
    struct shortfall shortfall;
    bool retrain;           /* they are to be trained again */
    struct pace begun;      /* of the plan's jobs that the store has, by what their epochs took */
    struct lacks lacks;     /* what this program cannot compute for jobs of the plan */
    size_t to_measure;      /* jobs that are done, and lack measures that it can     */
    bool unrecorded;        /* some job of the store will be done without a measure that is asked for */
    uint8_t *state;         /* per job of the plan: enum job_state in the store, JOB_UNUSED if it is not there */
    struct sheet_row *row;  /* per job of the plan; NULL: there is no store */
    struct sheet_was **was; /* per job of the plan that is trained again: what stays until that is done; else NULL */
    struct sheet_donor *donor; /* per job of the plan */
    double *likely; /* per job of the plan that stop rules may end: the epoch at which they are expected to; -1: not
                       known */
};

/** Read the sweep file of the command line; no MPI.  Prints what is wrong and returns the exit code, or 0. */
CHECKED int sheet_plan(struct sheet *s, const struct cli *c);
/** Then read the store, if it is there. */
CHECKED int sheet_look(struct sheet *s, struct err *e);
/** After that: what the store will lack. */
void sheet_warn(const struct sheet *s);
/** Both: for who writes nothing.  Prints what is wrong and returns the exit code, or 0. */
CHECKED int sheet_open(struct sheet *s, const struct cli *c);
/** The path of the store; ERR_SPEC if no path may be so long. */
CHECKED int sheet_set_store(struct sheet *s, const char *path, struct err *e);
/** Is the job still to be trained, as far as the store says? */
static inline bool sheet_is_to_train(const struct sheet *s, size_t job)
{
    return s->state[job] != JOB_DONE && s->state[job] != JOB_SKIPPED;
}
/** May it leave its end state behind? */
bool sheet_may_leave_end(const struct sheet *s, size_t job);
/** Epochs of it that nobody else trains for it. */
static inline double sheet_epochs(const struct sheet *s, size_t job)
{
    return plan_epochs(&s->plan, job) - s->donor[job].epoch;
}
/** What the farm takes for the length of the job, in a unit of its own: the job with the longest chain goes first. */
double sheet_cost(const struct sheet *s, size_t job);
void sheet_close(struct sheet *s);

#endif
