/** par/par.h: what every MPI program needs once. */
#ifndef TOMBOLA_PAR_PAR_H
#define TOMBOLA_PAR_PAR_H

#include "base/err.h"

#include <mpi.h>

/** An MPI call that fails is the machine's failure: say where, MPI_Abort. */
#define MPI_MUST(call) par_must((call), #call, __FILE__, __LINE__)
void par_must(int code, const char *call, const char *file, int line);

/** Collective over comm.  The error of the lowest failing rank on all ranks; true if there is one. */
bool par_agree(MPI_Comm comm, struct err *e);

/** Local.  Ranks that the launcher's environment promises (OMPI_COMM_WORLD_SIZE, PMI_SIZE, SLURM_STEP_NUM_TASKS), 0 if
 *  there was no launcher. */
int par_promised_ranks(void);
/** Local.  This host's name, "" never. */
const char *par_host(void);

#endif
