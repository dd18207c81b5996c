/** cli/lacks.h: measures that a sweep asks for, that this program cannot compute, and that the store lacks. */
#ifndef TOMBOLA_CLI_LACKS_H
#define TOMBOLA_CLI_LACKS_H

#include "job/recording.h"

struct lack {
    struct watch_measure is; /* optional: wherever it is asked for */
    size_t jobs;
};
struct lacks {
    struct lack *lack;
    size_t count;
};

/** A job that is recorded so.  row: as the store has it; NULL: not there yet.  What it cannot get is counted. */
void lacks_add(struct lacks *l, const struct watch *w, struct store *s, const struct store_row *row, struct arena *a);
/** Is one of them not optional? */
bool lacks_required(const struct lacks *l);

/** One warning of those that are optional, one of the others, each with how to make them up. */
void lacks_warn(const struct lacks *l, const char *store, const char *sweep);
/** Of those that are not optional: the sentence with which a run ends. */
void lacks_fail(const struct lacks *l, const char *store, const char *sweep);
/** Append "missing: measure 'graph' of 12 jobs (optional): built without igraph (...)\n", or nothing. */
void lacks_print(const struct lacks *l, struct buf *out);
/** Append "missing_measures":[{"measure":"graph","kind":"graph","optional":true,"jobs":12,"why":"built without ..."},
 * ...]. */
void lacks_json(const struct lacks *l, struct buf *out);

#endif
