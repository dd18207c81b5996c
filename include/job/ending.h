/** job/ending.h: where a job ends for whoever looks at it: a grid, or a child that needs its weights at a moment.
 *
 *  It is found from the evaluations that its judge looks at, one after the other, and from nothing else: a job that
 *  trains, one that goes on, and whoever reads the stored curves find the same.  A job may end when all have.
 */
#ifndef TOMBOLA_JOB_ENDING_H
#define TOMBOLA_JOB_ENDING_H

#include "job/recording.h"
#include "job/stop.h"

struct ending {
    struct judge judge;
    struct stop stop;
    char text[STORE_STOP];      /* of it                                             */
    bool by_loss;
    int64_t epochs;             /* the job's length                                  */
    struct moment_known known;  /* mem and gen up to the end                         */
    int64_t since[STOP_RULES];  /* see stop_has_come                                 */
    int64_t epoch;              /* of the end; -1: it has not come                   */
    char by[STORE_RULE];        /* the rule that brought it; "": the length          */
    double value[STOP_VALUES];  /* at the last evaluation that it has seen           */
};

void ending_open(struct ending *out, const struct judge *judge, const char *stop, bool by_loss, int64_t epochs);
/** The next evaluation.  What lies behind the end is not looked at.  True: it has come. */
bool ending_see(struct ending *g, int64_t epoch, const double value[STOP_VALUES]);

/** Those of a recording, as text; and back, into the arena: as many as there are, at least one. */
void endings_print(const struct watch *w, struct buf *out);
size_t endings_read(struct ending **out, const char *text, const struct watch *w, struct arena *a);
/** Have all come? */
bool endings_over(const struct ending *g, size_t count);

#endif
