#include "par/par.h"
#include "base/clock.h"
#include "base/field.h"
#include "base/log.h"
#include "base/number.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define NAP_FIRST   20e-6
#define NAP_LONGEST 2e-3

void par_must(int code, const char *call, const char *file, int line)
{
    if (code == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = "unknown error";
    int length;
    MPI_Error_string(code, text, &length);
    log_error("%s:%d: %s: %s", file, line, call, text);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

void par_nap(double *seconds)
{
    *seconds = *seconds == 0 ? NAP_FIRST : *seconds >= NAP_LONGEST / 2 ? NAP_LONGEST : 2 * *seconds;
    clock_sleep(*seconds);
}

void par_wait(MPI_Request *request)
{
    int complete = 0;
    double nap = 0;
    MPI_MUST(MPI_Test(request, &complete, MPI_STATUS_IGNORE));
    while (!complete) {
        par_nap(&nap);
        MPI_MUST(MPI_Test(request, &complete, MPI_STATUS_IGNORE));
    }
}

bool par_agree(MPI_Comm comm, struct err *e)
{
    int rank, ranks, lowest;
    MPI_Request request;
    MPI_MUST(MPI_Comm_rank(comm, &rank));
    MPI_MUST(MPI_Comm_size(comm, &ranks));
    const int mine = e->kind == ERR_NONE ? ranks : rank;
    MPI_MUST(MPI_Iallreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, comm, &request));
    par_wait(&request);
    if (lowest == ranks) return false;
    MPI_MUST(MPI_Ibcast(e, (int)sizeof *e, MPI_BYTE, lowest, comm, &request));
    par_wait(&request);
    return true;
}

int par_promised_ranks(void)
{
    static const char *const promise[] = { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS" };
    for (size_t i = 0; i < ARRAY_LEN(promise); i++) {
        const char *text = getenv(promise[i]);
        int64_t ranks;
        if (text && number_int(text, &ranks) && ranks > 0 && ranks <= INT_MAX) return (int)ranks;
    }
    return 0;
}

int par_ranks_here(MPI_Comm comm)
{
    MPI_Comm here;
    int ranks;
    MPI_MUST(MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here));
    MPI_MUST(MPI_Comm_size(here, &ranks));
    MPI_MUST(MPI_Comm_free(&here));
    return ranks;
}

const char *par_host(void)
{
    static char name[PAR_HOST];
    if (!name[0] && (gethostname(name, sizeof name - 1) != 0 || !name[0])) return "localhost";
    return name;
}
