/** cli/launch.h: was this run started as it was meant?  Ranks that are alone, share a core, or run another program
 * than rank 0; a store where it should not lie. */
#ifndef TOMBOLA_CLI_LAUNCH_H
#define TOMBOLA_CLI_LAUNCH_H

#include "base/buf.h"
#include "base/err.h"
#include "par/par.h"

#include <stdint.h>

enum { LAUNCH_CORES = 1024 };

/** What a rank knows of itself.  A core is what the system schedules on: one hardware thread. */
struct launch_rank {
    char host[PAR_HOST];
    uint64_t core[LAUNCH_CORES / 64]; /* those it may run on; none: unknown */
    uint64_t program;                 /* checksum of the binary; 0: unknown */
    int threads;                      /* of BLAS                            */
};

/** Collective over MPI_COMM_WORLD.  Rank 0 says where the ranks run, and warns if some share a core.  Returns the
 * exit code: 2, after saying what to do about it, if a launcher of another MPI has left every process alone, or if
 * the ranks do not all run the same binary; else 0. */
int launch_check(int rank, int ranks);

/** Local.  ERR_SPEC if the store at path is on a file system that ranks on more than one host cannot write to; a
 * warning of one that does not last. */
CHECKED int launch_check_store(const char *path, bool many_hosts, struct err *e);

/** Local.  "4711 (tombola)": the Slurm job that this is, "none" without Slurm. */
const char *launch_slurm_job(void);

/* ---- what the checks above are made of ---- */

/** Local.  Facts about this process. */
void launch_look(struct launch_rank *self);
/** Local.  Append "4 ranks on 2 hosts, each bound to 1 core, 1 BLAS thread each". */
void launch_describe(struct buf *out, const struct launch_rank *all, int ranks);
/** Local.  The first rank that has to share a core with one before it, -1 if none has. */
int launch_crowded(const struct launch_rank *all, int ranks);
/** Local.  ERR_SPEC if a rank's binary is known and is not that of rank 0. */
CHECKED int launch_same_program(const struct launch_rank *all, int ranks, struct err *e);
/** Local.  The same of a file system with that statfs magic. */
CHECKED int launch_check_place(const char *path, unsigned long magic, bool many_hosts, struct err *e);

#endif
