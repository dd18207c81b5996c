/** cli/status.h: how a store stands, gathered once and shown as a page, as a line, or as JSON. */
#ifndef TOMBOLA_CLI_STATUS_H
#define TOMBOLA_CLI_STATUS_H

#include "base/buf.h"
#include "query/settings.h"
#include "store/lock.h"
#include "store/store.h"

struct tally {
    size_t jobs, state[JOB_STATES];
    size_t again; /* of the done: those that are trained again */
    double epochs_done, epochs_left;
};

/* The jobs that a grid uses for one control; jobs that no grid names are under the one that first needed them. */
struct status_share {
    const char *sweep, *grid; /* NUL-terminated */
    const struct store_row *first;
    struct tally tally;
};

/* A measure that finished jobs were to have, and do not. */
struct status_missing {
    const char *line, *name; /* with its kind and options; alone */
    size_t jobs;
};

struct status {
    const char *path;
    const char *archive; /* what it was made from; "": the store is no archive */
    struct arena arena;
    struct store_row *row;
    size_t rows, bad;
    double *unit; /* [families] what their rows count, so many make an epoch */
    struct tally all;
    struct status_share *share;
    size_t shares;
    struct status_missing *missing;
    size_t missings;
    struct settings results; /* by the store's one grouping */
    bool at_work;            /* a run has the store; then `run` says who */
    struct lock_seen run;
    size_t columns;      /* of the screen that the page is to fit; 0: any */
    double now;          /* Unix time */
    double rate;         /* epochs a second of the jobs that run; NaN: nothing runs, or nothing is known yet */
    double seconds_left; /* NaN: unknown */
};

/** Serial.  status_close in any case. */
CHECKED int status_open(struct status *s, const char *path, struct err *e);
void status_close(struct status *s);

/** Append the page for people. */
void status_page(const struct status *s, struct buf *out);
/** Append "2026-11-21T02:43:48Z  12/40 jobs done, 2 running; ...", without a newline. */
void status_line(const struct status *s, struct buf *out);
/** Append one line of JSON. */
void status_json(const struct status *s, struct buf *out);

/* ---- measures that are missing ---- */

void status_find_missing(struct status *s, struct store *store);
/** Append what is missing, and how it is made up; or nothing. */
void status_print_missing(const struct status *s, struct buf *out);
/** Append ,"missing_measures":[{"measure":"graph","jobs":12}, ...]. */
void status_json_missing(const struct status *s, struct buf *out);

/* ---- the parts of the page that speak of settings ---- */

/** Append the table of results, a line a setting. */
void status_results(const struct settings *s, const char *path, size_t columns, struct buf *out);
/** Append what was skipped, and why. */
void status_skipped(const struct status *s, struct buf *out);

/** One of setting_name, not NUL-terminated if it fills its place. */
const char *status_name_of(const struct setting *g, size_t name);
bool status_name_differs(const struct settings *s, size_t name);
/** A key as people know it: lr for training_lr, where that says which. */
const char *status_key_name(const struct settings *s, size_t key);
/** Append " weight_decay=0.3 ...": what tells the setting from others, names apart; or the names of its blocks that
 * differ, " training=adamw". */
void status_say_keys(struct buf *out, const struct settings *s, size_t setting);
void status_say_names(struct buf *out, const struct settings *s, size_t setting);

#endif
