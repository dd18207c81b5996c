/** train/lr_schedule.h: the factor on the learning rate, step by step.
 *
 *  A list, whose parts follow one another:
 *
 *      warmup N           linear from 0: step t = 1, 2, ... has (t - 1) / N
 *      constant N         stays where it is
 *      linear [N] to R    linear to R
 *      cosine [N] to R    half a cosine to R (Loshchilov and Hutter, arXiv 1608.03983, equation 5, without restarts)
 *
 *  and, whatever these do, from completed step N on
 *
 *      drop F at N        times F
 *      drop F every N     times F, and again after as many steps
 *
 *  N is in steps, or "N epochs"; without it a part goes on to the end of the job.  R and F are factors on lr.
 */
#ifndef TOMBOLA_TRAIN_LR_SCHEDULE_H
#define TOMBOLA_TRAIN_LR_SCHEDULE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LR_SCHEDULE_PARTS = 16, LR_SCHEDULE_TEXT = 128 };

struct lr_schedule_part {
    int kind;
    int64_t length; /* 0: to the end of the job; behind lr_schedule_clock always in steps */
    bool in_epochs;
    double factor;
};

struct lr_schedule {
    int64_t warmup; /* steps before all parts; 0: none */
    struct lr_schedule_part part[LR_SCHEDULE_PARTS];
    int parts;
};

/** Read "[warmup 10,cosine 1000 to 0.1]"; "[]": lr all the time.  ERR_SPEC names the part and what is allowed. */
CHECKED int lr_schedule_parse(struct lr_schedule *out, const char *text, struct err *e);
/** Of text, with blanks and numbers made uniform; a check of a struct field. */
CHECKED int lr_schedule_check(const char *text, char *canonical, size_t size, struct err *e);
/** A warm-up that comes first leaves the canonical text for *warmup if it is in steps, so that it is one thing
 * however it was said.  ERR_SPEC if there are two. */
CHECKED int lr_schedule_share(int64_t *warmup, char *text, struct err *e);

/** Does a factor depend on where the job ends? */
bool lr_schedule_needs_end(const struct lr_schedule *s);
/** What an epoch and the whole job are in steps: to be said once, before lr_schedule_factor. */
void lr_schedule_clock(struct lr_schedule *s, int64_t epoch_steps, int64_t steps);
/** The factor for the step that follows so many completed ones. */
double lr_schedule_factor(const struct lr_schedule *s, int64_t completed);

#endif
