/** cli/session.h: a command whose ranks all work on one store, from its start to its exit code.
 *
 *  session_run is the frame of `run` and `measure`: signals, MPI, the launch, limits, the lock, the store, and what
 * comes of it at the end.  A command says what it does inside.  The rest is for those who work: what stops them,
 * signs of life, what an error means. */
#ifndef TOMBOLA_CLI_SESSION_H
#define TOMBOLA_CLI_SESSION_H

#include "cli/sheet.h"
#include "farm/farm.h"
#include "job/input_table.h"
#include "job/run.h"
#include "store/lock.h"
#include "store/store.h"

struct session {
    struct sheet sheet; /* rank 0 only, but for the store's path */
    struct lock *lock;  /* rank 0 only                           */
    uint32_t *row;      /* rank 0 only: store row of each job    */
    struct store *store;
    struct input_table *inputs;        /* until the store is left */
    const char **until;                /* per watch of the plan: endings_print; all ranks, while jobs are trained */
    int rank, ranks, ranks_here;       /* ranks_here: on this host */
    double left, deadline;             /* seconds; clock_wall at which to stop */
    double resume_every, commit_every; /* seconds */
    bool retry_failed;
    size_t max_failures;           /* rank 0 only                                        */
    struct err error;              /* why this rank could not go on: the store, the disk */
    const struct err_list *errors; /* rank 0 only: what `prepare` finds wrong, where that is a list; may be NULL */
    struct measurer *measurer;     /* while jobs are measured */
};

enum { SESSION_DEATHS = 3 }; /* a job whose process has died so often, without a resume point between, is failed */

struct session_command {
    /** Rank 0, before anything is touched: the options, among them left, resume_every and commit_every, and the
     *  sheet's store.  Prints what is wrong and returns the exit code, or 0. */
    int (*begin)(struct session *s, const struct cli *c);
    /** Rank 0, under the lock, what the run before has left put right: make the store ready.  The sheet's store is
     *  now the path of the file itself. */
    int (*prepare)(struct session *s, const struct cli *c, struct err *e);
    /** Collective, in the open store.  Returns the exit code, the same on all ranks; session_close_work has been
     * called. */
    int (*work)(struct session *s, const struct cli *c);
};

/** The whole command, MPI_Init to MPI_Finalize; *s is all 0 but for `measurer`.  Returns the exit code. USR1,
 *  TERM, INT and HUP (unless it is ignored, as nohup does) ask for a stop from the beginning on, and a second INT
 * ends the process at once. */
CHECKED int session_run(struct session *s, const struct cli *c, const struct session_command *command);

/** Collective over MPI_COMM_WORLD, before input files are looked at: the table for what the jobs take from them, with
 * a limit that suits every host. */
void session_open_inputs(struct session *session);
/** Rank 0, between two of them.  True: look at no more, a stop was asked for.  Keeps the lock alive. */
CHECKED bool session_inputs_stop(struct session *session);
/** Collective over MPI_COMM_WORLD: all ranks get the table. */
void session_share_inputs(struct session *session);

/** Has a stop been asked for, or has the deadline passed? */
CHECKED bool session_should_stop(void *session);
/** Rank 0, every now and then: a sign of life to the lock.  Ends the run if lock or store are no longer ours. */
void session_beat(const struct session *session);
/** As farm_work has it: commits that are due.  What fails is remembered in session->error. */
void session_tend(void *session);
/** Rank 0.  How fast the sheet's jobs go, from their rows, as whoever looks from outside sees them; *out stays if
 * they cannot be read. */
void session_look_at_pace(const struct session *session, struct pace *out);
/** What a job that is being trained or measured tells the farm. */
struct job_hooks session_hooks(struct farm *farm);
enum { SESSION_JOB = 320 }; /* bytes that a job's name for people surely fits in */
/** For people: the job's id, its control with its keys, and its task, model and training.  Returns out. */
char *session_job_text(struct session *session, uint32_t row, char *out, size_t size);
/** What an error in a row's job means for the farm; remembered in session->error if it stops everybody. */
enum farm_verdict session_verdict(struct session *session, uint32_t row, const struct err *e);
/** Collective over MPI_COMM_WORLD, when all work is done: commit what is left to commit, and see that lock and store
 * are still ours.  The lowest rank's trouble is said once; returns its exit code, or else `code`. */
CHECKED int session_close_work(struct session *session, int code);

#endif
