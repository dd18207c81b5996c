/** cli/crew.h: all ranks at work on one store; the one place that knows farm, job and store together. */
#ifndef TOMBOLA_CLI_CREW_H
#define TOMBOLA_CLI_CREW_H

#include "cli/sheet.h"
#include "farm/farm.h"
#include "job/input_table.h"
#include "store/lock.h"
#include "store/store.h"

struct crew {
    struct sheet sheet; /* rank 0 only, but for the store's path */
    struct lock *lock;  /* rank 0 only                           */
    uint32_t *row;      /* rank 0 only: store row of each job    */
    struct store *store;
    struct input_table *inputs;        /* until the store is left */
    int rank, ranks, ranks_here;       /* ranks_here: on this host */
    double deadline;                   /* clock_wall at which to stop */
    double resume_every, commit_every; /* seconds */
    bool retry_failed;
    size_t max_failures; /* rank 0 only                                        */
    struct err error;    /* why this rank could not go on: the store, the disk */
};

enum { CREW_DEATHS = 3 }; /* a job whose process has died so often, without a resume point between, is failed */

/** Rank 0.  Take the lock of the sheet's store, and put right what the run before has left.  crew->sheet.store
 * becomes the path of the file itself. */
CHECKED int crew_take_store(struct crew *crew, struct err *e);
/** Collective over MPI_COMM_WORLD, after rank 0 has prepared the store: all ranks open it. */
CHECKED int crew_open_store(struct crew *crew, struct err *e);
/** Local, before MPI_Finalize. */
void crew_leave_store(struct crew *crew);

/** Collective over MPI_COMM_WORLD, before input files are looked at: the table for what the jobs take from them, with
 * a limit that suits every host. */
void crew_open_inputs(struct crew *crew);
/** Rank 0, between two of them.  True: look at no more, a stop was asked for.  Keeps the lock alive. */
CHECKED bool crew_inputs_stop(struct crew *crew);
/** Collective over MPI_COMM_WORLD: all ranks get the table. */
void crew_share_inputs(struct crew *crew);

/** From now on USR1, TERM, INT and HUP (unless it is ignored, as nohup does) ask for a stop, and a second INT ends
 * the process at once with exit code 130. */
void crew_catch_signals(void);

/** Has a stop been asked for, or has the deadline passed? */
CHECKED bool crew_should_stop(void *crew);
/** Rank 0, every now and then: a sign of life to the lock.  Ends the run if lock or store are no longer ours. */
void crew_beat(const struct crew *crew);
/** As farm_work has it: commits that are due.  What fails is remembered in crew->error. */
void crew_tend(void *crew);
/** Rank 0.  How fast the sheet's jobs go, from their rows, as whoever looks from outside sees them; *out stays if
 * they cannot be read. */
void crew_look_at_pace(const struct crew *crew, struct pace *out);
enum { CREW_JOB = 320 }; /* bytes that a job's name for people surely fits in */
/** For people: the job's id, its control with its keys, and its task, model and training.  Returns out. */
char *crew_job_text(struct crew *crew, uint32_t row, char *out, size_t size);
/** What an error in a row's job means for the farm; remembered in crew->error if it stops everybody. */
enum farm_verdict crew_verdict(struct crew *crew, uint32_t row, const struct err *e);
/** Collective over MPI_COMM_WORLD, when all work is done: commit what is left to commit, and see that lock and store
 * are still ours.  The lowest rank's trouble is said once; returns its exit code, or else `code`. */
CHECKED int crew_close_work(struct crew *crew, int code);
/** Collective.  MPI_Finalize; but a file that HDF5 could not finish stays in its books, and its part of that would
 * stumble over it: then all ranks leave at once with that code. */
void crew_end_mpi(const struct crew *crew, int code);

#endif
