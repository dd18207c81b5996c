/** store/query_private.h: what query.c, query_records.c, query_arrays.c, query_settings.c, query_masks.c,
 * query_inputs.c, query_where.c, query_table.c, query_math.c and query_print.c share. */
#ifndef TOMBOLA_STORE_QUERY_PRIVATE_H
#define TOMBOLA_STORE_QUERY_PRIVATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/column.h"
#include "base/hash.h"
#include "base/map.h"
#include "disk/convert.h"
#include "query/query.h"
#include "query/settings.h"

#include "store/state.h"
#include "store/store.h"
#include "store/tables.h"

#include <sqlite3.h>

/** What the tables of one query share. */
struct query {
    struct store *s;
    struct err *e;
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
        int64_t eval_every, t_mem, t_gen, epochs_done;
        double threshold, tau_grok;
        bool done;
    } * used;                  /* [rows] what grids use, or NULL              */
    struct convert older;      /* rows of a store of an earlier version to those of the table jobs */
    void *image;               /* one of them                                 */
    struct settings *settings; /* NULL: not asked for yet */
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
/** jobs, grids, sweeps; series, checkpoints, measures, tensors; settings. */
void query_records(struct query *q, struct query_table out[QUERY_RECORDS]);
void query_arrays(struct query *q, struct query_table out[QUERY_ARRAYS]);
void query_settings(struct query *q, struct query_table *out);
void query_settings_close(struct query *q);
/** Make setting(id) known to db.  An SQLite code. */
CHECKED int query_settings_add(sqlite3 *db, struct query *q);
void query_settings_describe(struct buf *out);
/** Make epoch_of(id, series, bound) known to db.  An SQLite code. */
CHECKED int query_arrays_add(sqlite3 *db, struct query *q);
void query_arrays_describe(struct buf *out);
/** The row of the job with that id.  1: found, 0: there is none, -1 with *q->e filled. */
CHECKED int query_find(struct query *q, const char *id, size_t *row);

/** A database with the tables and functions of q->s, of which sql may name some; NULL with *q->e filled.  To be
 * closed, and q with query_close. */
sqlite3 *query_begin(struct query *q, struct query_table table[QUERY_TABLES], const char *sql);
void query_close(struct query *q);

/** A database without tables, in which a misspelt name in double quotes is an error, with the aggregates. */
sqlite3 *query_database(void);
/** From now on nothing but SELECT and WITH. */
void query_only_reads(sqlite3 *db);
/** Say in *e what SQLite has against a query, with the nearest name of what there is; returns -1. */
CHECKED int query_error(sqlite3 *db, const struct query_table *table, size_t tables, struct err *e);

/** Make the table known to db under its name.  An SQLite code. */
CHECKED int query_table_add(sqlite3 *db, struct query_table *t);
/** The SQL type of a column. */
const char *query_type(enum column_type type);
/** Make mean, median, stddev and quantile known to db.  An SQLite code. */
CHECKED int query_math_add(sqlite3 *db);
/** Append what they do, a line each. */
void query_math_describe(struct buf *out);

/** Make input_of(id, key) known to db.  An SQLite code. */
CHECKED int query_inputs_add(sqlite3 *db, struct query *q);
void query_inputs_describe(struct buf *out);

/** Make jaccard known to db.  An SQLite code. */
CHECKED int query_masks_add(sqlite3 *db, struct query *q);
void query_masks_describe(struct buf *out);

/** Step q to its end and append what it gives.  An SQLite code, SQLITE_DONE if all went well. */
CHECKED int query_print(struct buf *out, query_sink *sink, sqlite3_stmt *q, struct query_form form);

#endif
