/** farm/coordinator.h: rank 0's other half: who runs what, what is next, and when it is over. */
#ifndef TOMBOLA_FARM_COORDINATOR_H
#define TOMBOLA_FARM_COORDINATOR_H

#include "farm/farm.h"
#include "farm/wire.h"

struct coordinator;

/** Sends a message to a rank, rank 0 itself included, and tells the time. */
struct mouth {
    void (*say)(void *ctx, int to, const struct message *m);
    double (*clock)(void *ctx); /* seconds from any origin */
    void *ctx;
    int ranks;
};

struct coordinator *coordinator_open(const struct farm_plan *plan, struct mouth mouth);
void coordinator_close(struct coordinator *c);

void coordinator_hear(struct coordinator *c, int from, const struct message *m);

/** Give idle ranks work, show progress when it is due, say HALT when all is over.  Call it often. */
void coordinator_act(struct coordinator *c);

/** Every rank has left: no message is on its way. */
bool coordinator_is_alone(const struct coordinator *c);

#endif
