/** store/state.h: what an open store is. */
#ifndef TOMBOLA_STORE_STATE_H
#define TOMBOLA_STORE_STATE_H

#include "disk/convert.h"
#include "disk/file.h"
#include "disk/raw.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct family;
struct longs;
struct waiting;

enum table_id {
    TABLE_OWNER, /* made first, so that its page is near the beginning of the file */
    TABLE_CONTROL,
    TABLE_JOBS,
    TABLE_CANONICAL,
    TABLE_INPUTS,
    TABLE_GRIDS,
    TABLE_SWEEPS,
    TABLE_TEXT,
    TABLE_LONG,
    TABLE_LONG_TEXT,
    TABLES
};

struct control { /* how much of each table is in use: one write commits all of it */
    uint64_t magic, rows, grids, sweeps, text, sequence, long_texts, sum;
};

struct table {
    struct raw_set raw;
    hid_t type;
    size_t size, capacity;
    const char *path;
    struct convert
        *older; /* its records have other columns than this program's: by name into these; NULL: the same */
};
struct row_form { /* of a row of /jobs */
    struct column *column, *spec;
    size_t bytes, spec_from, spec_size;
    size_t sum_at, sequence_at;
    struct row_places {
        size_t id, parent, state, family, family_row;
        size_t next_state, next_family, next_row; /* SIZE_MAX: none */
        size_t *whole, wholes;                    /* numbers that are counted with */
        size_t *end, ends;                        /* last bytes of texts           */
        bool known[256], known_next[256];         /* states             */
    } at;                                         /* what row_fault looks at       */
    struct convert in, out;                       /* stored row <-> struct store_row */
    struct store_row blank;                       /* every column missing            */
};

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
    size_t waits;
    double due, settle_every;
    uint64_t format;
    double patience;             /* seconds that are left to wait for rows and parts that may be half written */
    struct attribute *attribute; /* of the root, as a list */
    struct control control;
    struct table table[TABLES];
    struct longs *longs; /* NULL: not read yet */
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
