/** cli/status.h: how a store stands, gathered once and shown as a page, as a line, or as JSON. */
#ifndef TOMBOLA_CLI_STATUS_H
#define TOMBOLA_CLI_STATUS_H

#include "base/buf.h"
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

/* Jobs that differ in their seeds and in keys that no column here shows; sums are over the jobs that have a value. */
struct status_group {
    const struct store_row *first;
    int64_t round, rewind;
    size_t jobs, done, memorised, generalised, ratios;
    double t_mem, t_gen, tau;
};

struct status {
    const char *path;
    const char *archive; /* what it was made from; "": the store is no archive */
    struct arena arena;
    struct store_row *row;
    int64_t *round, *rewind; /* [rows]: the spec columns of these names, 0 where a store has none */
    size_t rows, bad;
    struct tally all;
    struct status_share *share;
    struct status_group *group;
    size_t shares, groups;
    bool at_work; /* a run has the store; then `run` says who */
    struct lock_seen run;
    size_t columns;      /* of the screen that the page is to fit; 0: any */
    double now;          /* Unix time */
    double rate;         /* epochs a second of the jobs that run; NaN: nothing runs, or nothing is known yet */
    double seconds_left; /* NaN: unknown */
};

/** Serial.  status_close in any case. */
int status_open(struct status *s, const char *path, struct err *e);
void status_close(struct status *s);

/** Append the page for people. */
void status_page(const struct status *s, struct buf *out);
/** Append "2026-11-21T02:43:48Z  12/40 jobs done, 2 running; ...", without a newline. */
void status_line(const struct status *s, struct buf *out);
/** Append one line of JSON. */
void status_json(const struct status *s, struct buf *out);

#endif
