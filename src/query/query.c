#include "query/query.h"
#include "base/field.h"
#include "base/text.h"
#include "base/text_table.h"
#include "query/arrays.h"
#include "query/begin.h"
#include "query/function.h"
#include "query/math.h"
#include "query/print.h"
#include "query/settings_table.h"
#include "query/table.h"

#include <string.h>

static int run(sqlite3 *db, const char *sql, struct query_form form, const struct query_table *table, size_t tables,
               query_sink *sink, struct buf *out, struct err *e)
{
    sqlite3_stmt *q = NULL;
    const char *rest = "";
    int rc = sqlite3_prepare_v2(db, sql, -1, &q, &rest);
    if (rc == SQLITE_AUTH)
        return err_set(e, ERR_SPEC, "SQL: only SELECT and WITH are allowed: a query changes nothing");
    if (rc != SQLITE_OK) return query_error(db, table, tables, e);
    if (!q) return err_set(e, ERR_SPEC, "SQL: there is no statement in it");
    if (rest[strspn(rest, " \t\r\n;")])
        rc = err_set(e, ERR_SPEC, "SQL: one statement at a time; what follows the first is '%s'",
                     text_shown(rest, 80));
    else
        rc = query_print(out, sink, q, form) == SQLITE_DONE ? 0 : query_error(db, table, tables, e);
    sqlite3_finalize(q);
    return rc;
}

int store_query(struct store *s, const char *sql, const struct column *specs, struct query_form form,
                query_sink *sink, struct buf *out, struct err *e)
{
    struct query q = { .s = s, .e = e, .specs = specs };
    struct query_table table[QUERY_TABLES];
    sqlite3 *db = query_begin(&q, table, sql);
    const int rc = db ? run(db, sql, form, table, QUERY_TABLES, sink, out, e) : -1;
    sqlite3_close(db);
    query_close(&q);
    return rc;
}

void store_schema(struct store *s, struct buf *out)
{
    struct query q = { .s = s };
    struct query_table table[QUERY_TABLES];
    query_open(&q, table);
    for (size_t i = 0; i < QUERY_TABLES; i++) {
        struct text_table t = { .columns = 4, .left = { true, true, true, true } };
        buf_print(out, "%s%s: %s\n", i ? "\n" : "", table[i].name, table[i].help);
        for (const struct column *c = table[i].columns; c->name; c++) {
            text_table_cell(&t, "    %s", c->name);
            text_table_cell(&t, "%s", query_type(c->type));
            text_table_cell(&t, "%s", c->unit ? c->unit : "");
            text_table_cell(&t, "%s", c->help ? c->help : "");
        }
        text_table_print(&t, out);
        text_table_release(&t);
    }
    query_math_describe(out);
    query_functions_describe(out);
    query_close(&q);
}
