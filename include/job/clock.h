/** job/clock.h: what a job counts in.
 *
 *  A file says lengths, spacings and moments in epochs or in steps.  A job counts in one of them, its clock: all
 *  positions that are stored of it are in this unit.  An epoch is a whole number of steps, so that what a file says
 * in epochs can be counted in steps; what is a whole number of epochs is called that, however it was said, so that it
 *  means the same job.
 */
#ifndef TOMBOLA_JOB_CLOCK_H
#define TOMBOLA_JOB_CLOCK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/field.h"
#include "base/spacing.h"

#include <stdbool.h>
#include <stdint.h>

/** As a file says it: 100, 100 steps; of spacings also {log: 20}, which is -20: so many a decade. */
struct count {
    int64_t number;
    bool steps;
};

/** Steps of an epoch where a job counts steps; 0 where it counts epochs. */
typedef int64_t clock_steps;

enum { CLOCK_LOG = 100, CLOCK_MOST = 1000000000 }; /* points a decade; positions of a job: at most */

/** As the members set and print of a FIELD_CODE: a length, and two spacings, of which the second may be 0. */
CHECKED int clock_set_length(const struct field *f, void *place, const char *text, struct err *e);
CHECKED int clock_set_spacing(const struct field *f, void *place, const char *text, struct err *e);
CHECKED int clock_set_spacing_or_none(const struct field *f, void *place, const char *text, struct err *e);
void clock_print(const void *place, struct buf *out);
#define CLOCK_LENGTH                                                                                                 \
    .type = FIELD_CODE, .count = sizeof(struct count), .set = clock_set_length, .print = clock_print,                \
    .range = "0, 1, 2, ... | N epochs | N steps", .unit = "epoch"
#define CLOCK_SPACING(set_, from)                                                                                    \
    .type = FIELD_CODE, .count = sizeof(struct count), .set = set_, .print = clock_print,                            \
    .range = from ", ... | N epochs | N steps | {log: points a decade, 2 to 100}", .unit = "epoch"

/** A spacing in texts that the program keeps for itself: "10", "80s" steps, "-20" a decade; and back, *text moves on.
 *  False if that is no spacing. */
void clock_write(struct count every, struct buf *out);
CHECKED bool clock_read(const char **text, struct count *out);

/** "epoch" or "step". */
const char *clock_unit(clock_steps clock);
/** What an epoch is on the clock. */
int64_t clock_epoch(clock_steps clock);
/** In epochs, if it is a whole number of these. */
struct count clock_whole(struct count c, int64_t epoch_steps);
/** A count on the clock; -1: it counts epochs, and that is none.  Not of log-spacings. */
int64_t clock_at(clock_steps clock, struct count c);
/** The other way. */
struct count clock_count(clock_steps clock, int64_t at);
/** A spacing on the clock; none if that counts epochs, and not these. */
struct spacing clock_spacing(clock_steps clock, struct count every);
/** The same as one number, as columns of the store have it: negative if log-spaced; -1 if it is none. */
int64_t clock_spacing_number(clock_steps clock, struct count every);

static inline bool clock_same(struct count a, struct count b)
{
    return a.number == b.number && a.steps == b.steps;
}

#endif
