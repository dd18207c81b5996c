#include "base/text.h"
#include "store/file_private.h"
#include "store/query_private.h"

#include <string.h>

/* Jobs that are in no store yet, as a table of SQL: what is asked for, before anything has come of it. */

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
static const char *const asked[] = { "id",         "parent",    "control", "task", "model", "training",
                                     "sweep",      "grid",      "t_asked", "seed", "t",     "epochs",
                                     "eval_every", "threshold", "k",       NULL };

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

static int step_all(sqlite3_stmt *q, bool *out)
{
    int rc;
    while ((rc = sqlite3_step(q)) == SQLITE_ROW) out[sqlite3_column_int64(q, 0)] = true;
    return rc;
}

static int say(sqlite3 *db, struct described *d, struct err *e)
{
    static const char no_column[] = "no such column: ";
    const char *message = sqlite3_errmsg(db);
    const bool column = !strncmp(message, no_column, strlen(no_column));
    if (column && columns_find(store_columns, message + strlen(no_column)))
        return err_set(e, ERR_SPEC,
                       "'%s' is a result: jobs are chosen by what they are, by control, seed, t, k, "
                       "training_lr and the like",
                       message + strlen(no_column));
    return query_error(db, &d->table, 1, e);
}

static int find(sqlite3 *db, const char *where, struct described *d, bool *out, struct err *e)
{
    struct buf sql = { 0 };
    const char *rest = "";
    sqlite3_stmt *q = NULL;
    buf_print(&sql, "SELECT rowid FROM jobs WHERE (%s\n)", where);
    int rc = sqlite3_prepare_v2(db, buf_chars(&sql), -1, &q, &rest);
    if (rc == SQLITE_OK) rc = *rest ? SQLITE_ERROR : step_all(q, out);
    if (*rest)
        err_set(e, ERR_SPEC, "SQL: one condition is wanted, as behind WHERE");
    else if (rc != SQLITE_DONE)
        say(db, d, e);
    sqlite3_finalize(q);
    buf_release(&sql);
    return e->kind ? -1 : 0;
}

int store_where(const struct store_jobs *jobs, const char *where, bool *out, struct err *e)
{
    struct query q = { .e = e };
    sqlite3 *db = query_database();
    struct described d = { .jobs = jobs,
                           .table = { .name = "jobs",
                                      .columns = columns_asked(jobs->spec, &q.arena),
                                      .stride = FIXED + jobs->spec_size,
                                      .extent = all_described,
                                      .step = step_described,
                                      .query = &q } };
    MUST(query_table_add(db, &d.table) == SQLITE_OK);
    query_only_reads(db);
    const int rc = find(db, where, &d, out, e);
    sqlite3_close(db);
    arena_release(&q.arena);
    return rc;
}
