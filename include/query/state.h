/** query/state.h: what the files of one query share. */
#ifndef TOMBOLA_QUERY_STATE_H
#define TOMBOLA_QUERY_STATE_H

#include "base/map.h"
#include "query/settings.h"
#include "store/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUERY_FUNCTIONS = 4 };

/** What the tables and functions of one query share. */
struct query {
    struct store *s;
    struct err *e;
    const struct column *specs; /* that a job of this version has, or NULL */
    struct arena arena;
    size_t lookups;   /* of jobs by id so far                       */
    struct map index; /* id -> row: made by the second look-up      */
    struct epochs {
        int64_t *epoch;
        size_t points;
    } * epochs; /* [families] the x axis of series               */
    struct buf scratch;
    struct used {
        char id[ID_CHARS];
        int64_t eval_every, t_mem, t_gen, end;
        double threshold, tau_grok, value[4];
        char stop[STORE_STOP], ended_by[STORE_RULE];
        bool done;
    } * used;                  /* [rows] what grids use, or NULL              */
    struct convert older;      /* rows of a store of an earlier version to those of the table jobs */
    void *image;               /* one of them                                 */
    struct settings *settings; /* NULL: not asked for yet */
    struct query_call {
        struct query *q;
        const struct query_function *function; /* query/function.h */
    } call[QUERY_FUNCTIONS];
};

/** The size of a COLUMN_TEXT whose texts are of any length: in the row stands a size_t. */
#define QUERY_LONG SIZE_MAX

/** A scan of a table: the rows of the last step, and where the next one begins. */
struct query_scan {
    size_t at, end;   /* rows of the store (or records) that no step has read yet */
    const char *only; /* what the filter column must be; NULL: anything          */
    struct buf rows;  /* stride bytes each                                       */
    struct buf texts; /* of columns of size QUERY_LONG: NUL-terminated, and where one begins stands in its row */
};

/** One SQL table: columns over rows that are read from the file as they are needed. */
struct query_table {
    const char *name, *help;
    const struct column *columns;
    const bool *hidden; /* [columns] what SELECT * leaves out; NULL: nothing */
    size_t stride;
    const char *key;    /* column with a job's id: `WHERE key = ...` and joins read that job alone; NULL: none */
    const char *filter; /* column whose wanted value `step` may look at, to read no more; NULL: none */
    size_t (*extent)(struct query_table *t); /* where a scan of everything ends */
    /** Append the rows at scan->at and move it on.  -1 with *t->query->e filled. */
    int (*step)(struct query_table *t, struct query_scan *scan);
    /** Before the first use: find out what the columns are; NULL: they are known.  -1 with *t->query->e filled. */
    int (*prepare)(struct query_table *t);
    struct query *query;
};

enum { QUERY_TRIES = 8 }; /* of reading a job, while others are put in its place */
enum { QUERY_RECORDS = 3, QUERY_ARRAYS = 4, QUERY_TABLES = QUERY_RECORDS + QUERY_ARRAYS + 1 };

#endif
