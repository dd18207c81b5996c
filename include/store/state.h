/** store/state.h: what an open store is. */
#ifndef TOMBOLA_STORE_STATE_H
#define TOMBOLA_STORE_STATE_H

#include "base/arena.h"
#include "disk/file.h"
#include "store/row.h"
#include "store/tables.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct family;
struct waiting;

struct attribute {
    const char *name, *text;
    struct attribute *next;
};
#define NO_ROW SIZE_MAX
struct store {
    struct arena arena;
    struct disk disk;
    uint64_t run;            /* whose right to write is asked for before a commit; 0: nobody's */
    double asked;            /* clock_wall, when last                                         */
    struct waiting *waiting; /* commits that wait for the disk, until clock_wall is `due` */
    size_t waits, wait_capacity;
    double due, settle_every;
    uint64_t format;
    double patience;             /* seconds that are left to wait for rows and parts that may be half written */
    struct attribute *attribute; /* of the root, as a list */
    struct control control;
    struct table table[TABLES];
    struct row_form form;
    struct family *family;
    size_t families;
    void *image;      /* one row of /jobs                                                       */
    size_t image_row; /* which one it is, as it stands in the file; NO_ROW: none                */
    size_t own_row;   /* the row of the job at work here, which nobody else writes; NO_ROW: none */
    void *own_image;  /* a row as it was last written by the job at work: own_image_row           */
    size_t own_image_row;
    bool own_again; /* that job is trained again: store_next */
};

#endif
