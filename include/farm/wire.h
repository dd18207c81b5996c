/** farm/wire.h: the farm's one protocol.
 *
 *  Every rank is a worker; rank 0 is the coordinator besides, and talks to itself by a call instead of a message.
 *
 *  A run:     JOB → worker, (MARK | TICK | CLEAR)* → coordinator, END → coordinator, JOB → worker, ...
 *  The end:   HALT → every worker, LEFT → coordinator: after the last LEFT nothing is on its way.
 *  A stop:    WISH → coordinator, STOP → every worker, END → coordinator from those that were running.
 */
#ifndef TOMBOLA_FARM_WIRE_H
#define TOMBOLA_FARM_WIRE_H

#include "farm/farm.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* name, who hears it, the members of struct message that it fills, what it says */
#define FARM_MESSAGES(X)                                                                                             \
    X(JOB, worker, "job label", "run this one")                                                                      \
    X(STOP, worker, "", "leave your job now")                                                                        \
    X(HALT, worker, "left_over failures", "the run is over")                                                         \
    X(MARK, coordinator, "job milestone", "others may use what my job has stored")                                   \
    X(TICK, coordinator, "job epoch epochs trained", "so far is my job")                                             \
    X(CLEAR, coordinator, "job", "others may run beside my job, which was to run alone")                             \
    X(END, coordinator, "job verdict epoch epochs trained", "my job has ended, I am idle")                           \
    X(WISH, coordinator, "", "I was asked to stop")                                                                  \
    X(LEFT, coordinator, "", "I have heard HALT and shall say no more")

#define MESSAGE_TAG(name, hearer, members, says) MSG_##name,
enum message_tag { FARM_MESSAGES(MESSAGE_TAG) MSG_COUNT };

/** One shape for all messages: nothing in the farm depends on their size, and members have names. */
struct message {
    struct farm_label label;
    uint64_t failures;
    int64_t milestone, epoch, epochs;
    int64_t trained; /* epochs that the sender has completed in this run, over all jobs */
    uint32_t job;
    uint8_t tag, verdict, left_over, unused;
};

/** A duplicate of comm under its own name, on which failing calls return.  Collective; early ranks wait idly. */
MPI_Comm wire_open(MPI_Comm comm);
void wire_close(MPI_Comm *wire);

void wire_send(MPI_Comm wire, int to, const struct message *m);
/** The next message that has arrived; false if there is none. */
CHECKED bool wire_receive(MPI_Comm wire, int *from, struct message *m);

#endif
