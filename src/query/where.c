#include "base/text.h"
#include "disk/types.h"
#include "query/begin.h"
#include "query/query.h"
#include "query/table.h"
#include "store/row.h"

#include <string.h>

/* Jobs by an SQL condition: of a store, and those that are in none yet, as a table of what is asked for, before
 * anything has come of it. */

struct described {
    struct query_table table; /* first: the steps of the table get it */
    const struct store_jobs *jobs;
};

static size_t all_described(struct query_table *t)
{
    return ((const struct described *)(const void *)t)->jobs->count;
}

static int step_described(struct query_table *t, struct query_scan *scan)
{
    const struct store_jobs *jobs = ((const struct described *)(const void *)t)->jobs;
    struct store_job job;
    jobs->job(jobs->ctx, scan->at++, &job);
    buf_add(&scan->rows, &job.row, FIXED);
    buf_add(&scan->rows, job.spec, jobs->spec_size);
    return 0;
}

/* The store's own words for what a sweep asks for; all others are results. */
static const char *const asked[] = { "id",     "parent",     "control",   "task",       "model", "training",
                                     "sweep",  "grid",       "t_asked",   "trajectory", "seed",  "t",
                                     "epochs", "eval_every", "threshold", "stop", "k",  NULL };

static bool is_listed(const char *const *names, const char *name)
{
    while (*names && strcmp(*names, name)) names++;
    return *names != NULL;
}

static const struct column *columns_asked(const struct column *spec, struct arena *a)
{
    const size_t count = columns_count(store_columns) + columns_count(spec);
    struct column *out = ARENA_NEW(a, count + 1, struct column), *next = out;
    for (const struct column *c = store_columns; c->name; c++)
        if (is_listed(asked, c->name)) *next++ = *c;
    for (const struct column *c = spec; c->name; c++) {
        *next = *c;
        next++->offset += FIXED;
    }
    return out;
}

/* What to do with a row that was found. */
typedef void take_row(void *ctx, sqlite3_stmt *q);

struct search {
    const char *select; /* of the table jobs */
    take_row *take;
    void *ctx;
};

static int step_all(sqlite3_stmt *q, const struct search *s)
{
    int rc;
    while ((rc = sqlite3_step(q)) == SQLITE_ROW) s->take(s->ctx, q);
    return rc;
}

/* A condition stands there as it is, where SQLite's error speaks of what was typed, and in parentheses, out of which
 * no ORDER BY, LIMIT or UNION leads.  -1, and the error is SQLite's own, if *e is not filled. */
static int find(sqlite3 *db, const char *where, const struct search *s, struct err *e)
{
    static const char *const forms[] = { "SELECT %s FROM jobs WHERE %s", "SELECT %s FROM jobs WHERE (%s\n)" };
    int rc = SQLITE_OK;
    for (size_t i = 0; i < ARRAY_LEN(forms) && rc == SQLITE_OK; i++) {
        struct buf sql = { 0 };
        const char *rest = "";
        sqlite3_stmt *q = NULL;
        buf_print(&sql, forms[i], s->select, where);
        rc = sqlite3_prepare_v2(db, buf_chars(&sql), -1, &q, &rest);
        if (*rest || (i && rc != SQLITE_OK)) {
            rc = SQLITE_ERROR;
            err_set(e, ERR_SPEC, "SQL: one condition is wanted, as behind WHERE");
        } else if (i)
            rc = step_all(q, s);
        sqlite3_finalize(q);
        buf_release(&sql);
    }
    return rc == SQLITE_DONE ? 0 : -1;
}

/* ---- of jobs that are described ---- */

static void take_number(void *ctx, sqlite3_stmt *q)
{
    bool *out = ctx;
    out[sqlite3_column_int64(q, 0)] = true;
}

static int say(sqlite3 *db, struct described *d, struct err *e)
{
    static const char no_column[] = "no such column: ";
    const char *message = sqlite3_errmsg(db);
    const bool column = !e->kind && !strncmp(message, no_column, strlen(no_column));
    if (column && columns_find(store_columns, message + strlen(no_column)))
        return err_set(e, ERR_SPEC,
                       "'%s' is a result: jobs are chosen by what they are, by control, seed, t, k, "
                       "training_lr and the like",
                       message + strlen(no_column));
    return query_error(db, &d->table, 1, e);
}

int store_where(const struct store_jobs *jobs, const char *where, bool *out, struct err *e)
{
    struct query q = { .e = e };
    sqlite3 *db = query_database();
    const struct search search = { "rowid", take_number, out };
    struct described d = { .jobs = jobs,
                           .table = { .name = "jobs",
                                      .columns = columns_asked(jobs->spec, &q.arena),
                                      .stride = FIXED + jobs->spec_size,
                                      .extent = all_described,
                                      .step = step_described,
                                      .query = &q } };
    MUST(query_table_add(db, &d.table) == SQLITE_OK);
    query_only_reads(db);
    const int rc = find(db, where, &search, e) ? say(db, &d, e) : 0;
    sqlite3_close(db);
    arena_release(&q.arena);
    return rc;
}

/* ---- of the jobs of a store ---- */

struct finding {
    store_found *found;
    void *ctx;
};

static void take_id(void *ctx, sqlite3_stmt *q)
{
    const struct finding *f = ctx;
    const unsigned char *id = sqlite3_column_text(q, 0);
    if (id) f->found(f->ctx, (const char *)id);
}

int store_find_where(struct store *s, const char *where, store_found *found, void *ctx, struct err *e)
{
    struct query q = { .s = s, .e = e };
    struct query_table table[QUERY_TABLES];
    struct finding finding = { found, ctx };
    const struct search search = { "id", take_id, &finding };
    sqlite3 *db = query_begin(&q, table, where);
    int rc = db ? 0 : -1;
    if (db && find(db, where, &search, e)) rc = query_error(db, table, 1, e);
    sqlite3_close(db);
    query_close(&q);
    return rc;
}
