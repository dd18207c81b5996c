/** par/par.h: what every MPI program needs once. */
#ifndef TOMBOLA_PAR_PAR_H
#define TOMBOLA_PAR_PAR_H

#include "base/err.h"

#include <mpi.h>

/** An MPI call that fails is the machine's failure: say where, MPI_Abort. */
#define MPI_MUST(call) par_must((call), #call, __FILE__, __LINE__)
void par_must(int code, const char *call, const char *file, int line);

/** Local.  Sleep, longer each time, between two looks at something: *seconds starts at 0 and grows to 2 ms. */
void par_nap(double *seconds);
/** Local.  Until the request is complete, without using the CPU as MPI_Wait does. */
void par_wait(MPI_Request *request);

/** Collective over comm.  The error of the lowest failing rank on all ranks; true if there is one.  A rank that comes
 *  early waits without using the CPU. */
CHECKED bool par_agree(MPI_Comm comm, struct err *e);

/** Local.  Ranks that the launcher's environment promises (OMPI_COMM_WORLD_SIZE, PMI_SIZE, SLURM_STEP_NUM_TASKS), 0
 *  if there was no launcher. */
int par_promised_ranks(void);
/** Collective over comm.  How many of its ranks share this host's memory. */
int par_ranks_here(MPI_Comm comm);
enum { PAR_HOST = 256 }; /* more than any host's name with its NUL */
/** Local.  This host's name, "" never. */
const char *par_host(void);

#endif
