#include "query/begin.h"
#include "base/field.h"
#include "base/text.h"
#include "base/text_table.h"
#include "disk/types.h"
#include "query/arrays.h"
#include "query/function.h"
#include "query/math.h"
#include "query/records.h"
#include "query/settings_table.h"
#include "query/table.h"

#include <string.h>

/* "lr" or "training.lr" for training_lr. */
static const char *longer_name(const char *word, const char *const *names)
{
    const size_t length = strlen(word);
    for (size_t i = 0; names[i]; i++) {
        const size_t all = strlen(names[i]);
        if (all <= length) continue;
        if (names[i][all - length - 1] == '_' && !strcmp(names[i] + all - length, word)) return names[i];
    }
    return NULL;
}

/* What SQLite does not know, behind such a beginning of its message and the name of a table; NULL: it is another
 * message. */
static const char *unknown(const char *message, const char *beginning)
{
    const size_t length = strlen(beginning);
    if (strncmp(message, beginning, length) != 0) return NULL;
    const char *dot = strrchr(message, '.');
    return dot ? dot + 1 : message + length;
}

/* SQLite names what it does not know; we know what there is. */
static int unknown_column(const char *message, const char *word, const struct query_table *table, size_t tables,
                          struct err *e)
{
    const char *names[512] = { 0 };
    size_t n = 0;
    const struct query *q = table->query;
    if (q->specs && columns_find(q->specs, word) && !columns_find(q->s->form.column, word))
        return err_set(e, ERR_SPEC, "SQL: this store is older than the column '%s'; the next run adds it", word);
    for (size_t i = 0; i < tables; i++)
        for (const struct column *c = table[i].columns; c->name && n < ARRAY_LEN(names) - 1; c++)
            if (strcmp(c->name, word) != 0) names[n++] = c->name;
    const char *near = names_near(word, names);
    if (!near) near = longer_name(word, names);
    return err_set(e, ERR_SPEC, "SQL: %s%s%s%s; a text stands in single quotes", text_shown(message, 300),
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

int query_error(sqlite3 *db, const struct query_table *table, size_t tables, struct err *e)
{
    if (e->kind != ERR_NONE) return -1; /* a table could not be loaded */
    const char *message = sqlite3_errmsg(db), *names[QUERY_TABLES + 1] = { 0 };
    const char *column = unknown(message, "no such column: "), *missing = unknown(message, "no such table: ");
    if (column) return unknown_column(message, column, table, tables, e);
    for (size_t i = 0; i < tables; i++) names[i] = table[i].name;
    const char *near = missing ? names_near(missing, names) : NULL;
    if (missing && !near) near = longer_name(missing, names);
    if (near) return err_set(e, ERR_SPEC, "SQL: %s; did you mean '%s'?", text_shown(message, 300), near);
    return err_set(e, ERR_SPEC, "SQL: %s", text_shown(message, 300));
}

sqlite3 *query_database(void)
{
    sqlite3 *db = NULL;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK) die("SQLite cannot start: %s", sqlite3_errmsg(db));
    MUST(sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL) == SQLITE_OK);
    MUST(sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL) == SQLITE_OK);
    MUST(query_math_add(db) == SQLITE_OK);
    return db;
}

static int only_reading(void *ctx, int action, const char *a, const char *b, const char *database,
                        const char *trigger)
{
    (void)ctx, (void)a, (void)b, (void)database, (void)trigger;
    bool reads =
        action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_FUNCTION || action == SQLITE_RECURSIVE;
    return reads ? SQLITE_OK : SQLITE_DENY;
}

void query_only_reads(sqlite3 *db)
{
    sqlite3_set_authorizer(db, only_reading, NULL);
}

void query_open(struct query *q, struct query_table table[QUERY_TABLES])
{
    query_records(q, table);
    query_arrays(q, table + QUERY_RECORDS);
    query_settings(q, table + QUERY_RECORDS + QUERY_ARRAYS);
    for (size_t i = 0; i < QUERY_TABLES; i++) table[i].query = q;
}

void query_close(struct query *q)
{
    query_settings_close(q);
    map_release(&q->index);
    buf_release(&q->scratch);
    arena_release(&q->arena);
}

/* What has to be read for its columns is read only for a query that may want it. */
static bool names_it(const char *sql, const struct query_table *t)
{
    return !t->prepare || strcasestr(sql, t->name);
}

sqlite3 *query_begin(struct query *q, struct query_table table[QUERY_TABLES], const char *sql)
{
    sqlite3 *db = query_database();
    query_open(q, table);
    MUST(query_functions_add(db, q) == SQLITE_OK);
    for (size_t i = 0; i < QUERY_TABLES; i++) {
        if (!names_it(sql, &table[i]) || query_table_add(db, &table[i]) == SQLITE_OK) continue;
        if (!q->e->kind)
            err_at(q->e, ERR_STORE, store_path(q->s), NOWHERE, NULL, "/%s is no table for SQL: %s", table[i].name,
                   sqlite3_errmsg(db));
        sqlite3_close(db);
        return NULL;
    }
    query_only_reads(db);
    return db;
}
