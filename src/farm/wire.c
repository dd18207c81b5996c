#include "farm/wire.h"
#include "par/par.h"

MPI_Comm wire_open(MPI_Comm comm)
{
    MPI_Comm wire;
    MPI_Request request;
    MPI_MUST(MPI_Comm_idup(comm, &wire, &request));
    par_wait(&request);
    MPI_MUST(MPI_Comm_set_name(wire, "tombola farm"));
    MPI_MUST(MPI_Comm_set_errhandler(wire, MPI_ERRORS_RETURN));
    return wire;
}

void wire_close(MPI_Comm *wire)
{
    MPI_MUST(MPI_Comm_free(wire));
}

/* So few bytes leave at once (they are sent "eagerly"), whatever the receiver is doing. */
void wire_send(MPI_Comm wire, int to, const struct message *m)
{
    MPI_MUST(MPI_Send(m, (int)sizeof *m, MPI_BYTE, to, m->tag, wire));
}

/* Open MPI's probe looks first and lets messages in afterwards: the second look sees what the first let in. */
bool wire_receive(MPI_Comm wire, int *from, struct message *m)
{
    int there = 0;
    MPI_Status status;
    for (int look = 0; look < 2 && !there; look++)
        MPI_MUST(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, wire, &there, &status));
    if (!there) return false;
    *from = status.MPI_SOURCE;
    MPI_MUST(MPI_Recv(m, (int)sizeof *m, MPI_BYTE, *from, status.MPI_TAG, wire, MPI_STATUS_IGNORE));
    MUST(m->tag == status.MPI_TAG && m->tag < MSG_COUNT);
    return true;
}
