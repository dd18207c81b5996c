/** cli/sheet.h: a sweep file beside the store that holds, or will hold, its jobs. */
#ifndef TOMBOLA_CLI_SHEET_H
#define TOMBOLA_CLI_SHEET_H

#include "cli/cli.h"
#include "job/plan.h"

#include <limits.h>

struct sheet {
    struct arena arena;
    struct plan plan;
    char store[PATH_MAX];
    bool store_exists;
    const char *read_only;  /* what the store is if it has to be merged before it can be run; NULL: nothing */
    uint64_t bytes_missing; /* that jobs of the plan which the store has begun will still take of the disk */
    const char **why;       /* per job of the plan: the store's reason why it failed or is blocked; NULL: none */
    uint8_t *state;         /* per job of the plan: enum job_state in the store, JOB_UNUSED if it is not there */
};

/** Read the sweep file of the command line; no MPI.  Prints what is wrong and returns the exit code, or 0. */
CHECKED int sheet_plan(struct sheet *s, const struct cli *c);
/** Then read the store, if it is there. */
CHECKED int sheet_look(struct sheet *s, struct err *e);
/** Both: for who writes nothing.  Prints what is wrong and returns the exit code, or 0. */
CHECKED int sheet_open(struct sheet *s, const struct cli *c);
/** The path of the store; ERR_SPEC if no path may be so long. */
CHECKED int sheet_set_store(struct sheet *s, const char *path, struct err *e);
void sheet_close(struct sheet *s);

#endif
