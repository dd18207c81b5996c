#include "query/table.h"
#include "query/records.h"

#include <string.h>

/* SQLite's virtual table interface over struct query_table: scans of everything, or of what one job has. */

enum { BY_KEY = 1, BY_FILTER = 2 };

struct table_view {
    sqlite3_vtab base; /* first: SQLite hands it back */
    struct query_table *table;
};
struct cursor {
    sqlite3_vtab_cursor base;
    struct query_scan scan;
    size_t at; /* bytes of scan.rows before the current row */
    char *only;
    int64_t row;
};

static int say(sqlite3_vtab *v, const struct err *e)
{
    sqlite3_free(v->zErrMsg);
    v->zErrMsg = sqlite3_mprintf("%s", e->text);
    return SQLITE_ERROR;
}

const char *query_type(enum column_type type)
{
    switch (type) {
    case COLUMN_F64:
    case COLUMN_F32: return "REAL";
    case COLUMN_TEXT:
    case COLUMN_ENUM: return "TEXT";
    default: return "INTEGER";
    }
}

static int connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out, char **error)
{
    (void)argc, (void)argv, (void)error;
    struct query_table *t = aux;
    struct buf sql = { 0 };
    if (t->prepare && t->prepare(t)) return SQLITE_ERROR;
    buf_text(&sql, "CREATE TABLE x(");
    for (const struct column *c = t->columns; c->name; c++) {
        const bool hidden = t->hidden && t->hidden[c - t->columns];
        char *name = sqlite3_mprintf("%s\"%w\" %s%s", c == t->columns ? "" : ", ", c->name, query_type(c->type),
                                     hidden ? " HIDDEN" : "");
        if (!name) die("out of memory for a query");
        buf_text(&sql, name);
        sqlite3_free(name);
    }
    buf_text(&sql, ")");
    int rc = sqlite3_declare_vtab(db, buf_chars(&sql));
    buf_release(&sql);
    if (rc != SQLITE_OK) return rc;
    struct table_view *v = sqlite3_malloc(sizeof *v);
    if (!v) return SQLITE_NOMEM;
    memset(v, 0, sizeof *v);
    v->table = t;
    *out = &v->base;
    return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *v)
{
    sqlite3_free(v);
    return SQLITE_OK;
}

/* Which constraint a table can use: the name of its key or filter column, compared with =. */
static int use_of(const struct query_table *t, const struct sqlite3_index_constraint *c)
{
    if (!c->usable || c->op != SQLITE_INDEX_CONSTRAINT_EQ || c->iColumn < 0) return 0;
    const char *name = t->columns[c->iColumn].name;
    if (t->key && !strcmp(name, t->key)) return BY_KEY;
    return t->filter && !strcmp(name, t->filter) ? BY_FILTER : 0;
}

static int best_index(sqlite3_vtab *v, sqlite3_index_info *plan)
{
    const struct query_table *t = ((const struct table_view *)(const void *)v)->table;
    static const int uses[] = { BY_KEY, BY_FILTER };
    int arguments = 0;
    plan->estimatedCost = 1e9;
    plan->estimatedRows = 100000;
    for (size_t u = 0; u < ARRAY_LEN(uses); u++)
        for (int i = 0; i < plan->nConstraint; i++) {
            if (use_of(t, &plan->aConstraint[i]) != uses[u] || plan->idxNum & uses[u]) continue;
            plan->idxNum |= uses[u];
            plan->aConstraintUsage[i].argvIndex = ++arguments;
            plan->estimatedCost /= uses[u] == BY_KEY ? 1e7 : 4;
            plan->estimatedRows = uses[u] == BY_KEY ? 100 : plan->estimatedRows / 4;
        }
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *v, sqlite3_vtab_cursor **out)
{
    (void)v;
    struct cursor *c = sqlite3_malloc(sizeof *c);
    if (!c) return SQLITE_NOMEM;
    memset(c, 0, sizeof *c);
    *out = &c->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    struct cursor *c = (struct cursor *)(void *)base;
    buf_release(&c->scan.rows);
    buf_release(&c->scan.texts);
    sqlite3_free(c->only);
    sqlite3_free(c);
    return SQLITE_OK;
}

static struct query_table *table_of(sqlite3_vtab_cursor *c)
{
    return ((struct table_view *)(void *)c->pVtab)->table;
}

/* Read on until there is a row, or nothing more. */
static int fill(struct cursor *c)
{
    struct query_table *t = table_of(&c->base);
    while (c->at == c->scan.rows.length && c->scan.at < c->scan.end) {
        buf_clear(&c->scan.rows);
        buf_clear(&c->scan.texts);
        c->at = 0;
        if (t->step(t, &c->scan)) return say(c->base.pVtab, t->query->e);
    }
    return SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *base, int how, const char *text, int argc, sqlite3_value **argv)
{
    (void)text, (void)argc;
    struct cursor *c = (struct cursor *)(void *)base;
    struct query_table *t = table_of(base);
    buf_clear(&c->scan.rows);
    sqlite3_free(c->only);
    c->only = NULL;
    c->at = 0;
    c->row = 0;
    c->scan.at = 0;
    c->scan.end = t->extent(t);
    if (how & BY_KEY) {
        const char *id = (const char *)sqlite3_value_text(*argv++);
        const int found = id ? query_find(t->query, id, &c->scan.at) : 0;
        if (found < 0) return say(base->pVtab, t->query->e);
        c->scan.end = found ? c->scan.at + 1 : c->scan.at;
    }
    if (how & BY_FILTER) {
        const char *only = (const char *)sqlite3_value_text(*argv);
        c->only = sqlite3_mprintf("%s", only ? only : "");
    }
    c->scan.only = c->only;
    return fill(c);
}

static int next(sqlite3_vtab_cursor *base)
{
    struct cursor *c = (struct cursor *)(void *)base;
    c->at += table_of(base)->stride;
    c->row++;
    return fill(c);
}

static int at_end(sqlite3_vtab_cursor *base)
{
    const struct cursor *c = (const struct cursor *)(const void *)base;
    return c->at == c->scan.rows.length;
}

static void give_int(sqlite3_context *out, int64_t value)
{
    if (value == COLUMN_NO_INT)
        sqlite3_result_null(out);
    else
        sqlite3_result_int64(out, value);
}

static void give_text(sqlite3_context *out, const char *text, size_t size)
{
    size_t length = strnlen(text, size);
    if (length)
        sqlite3_result_text64(out, text, length, SQLITE_TRANSIENT, SQLITE_UTF8);
    else
        sqlite3_result_null(out);
}

static void give_long(sqlite3_context *out, const struct query_scan *scan, const char *place)
{
    size_t at;
    memcpy(&at, place, sizeof at);
    give_text(out, scan->texts.bytes + at, SIZE_MAX);
}

static void give_name(sqlite3_context *out, const struct column *c, uint8_t value)
{
    for (size_t i = 0; c->names[i]; i++)
        if (i == value) {
            give_text(out, c->names[i], strlen(c->names[i]));
            return;
        }
    sqlite3_result_null(out);
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *out, int i)
{
    const struct query_table *t = table_of(base);
    const struct column *c = &t->columns[i];
    const struct cursor *at = (const struct cursor *)(const void *)base;
    const char *place = at->scan.rows.bytes + at->at + c->offset;
    int64_t whole;
    double real;
    float single;
    switch (c->type) {
    case COLUMN_I64: give_int(out, *(int64_t *)memcpy(&whole, place, sizeof whole)); break;
    case COLUMN_U64: sqlite3_result_int64(out, *(int64_t *)memcpy(&whole, place, sizeof whole)); break;
    case COLUMN_F64:
        sqlite3_result_double(out, *(double *)memcpy(&real, place, sizeof real));
        break; /* NaN is NULL */
    case COLUMN_F32: sqlite3_result_double(out, (double)*(float *)memcpy(&single, place, sizeof single)); break;
    case COLUMN_U8: sqlite3_result_int(out, (uint8_t)*place); break;
    case COLUMN_ENUM: give_name(out, c, (uint8_t)*place); break;
    case COLUMN_TEXT:
        c->size == QUERY_LONG ? give_long(out, &at->scan, place) : give_text(out, place, c->size);
        break;
    case COLUMN_TYPES: BUG("no such column type");
    }
    return SQLITE_OK;
}

static int row_id(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = ((struct cursor *)(void *)base)->row;
    return SQLITE_OK;
}

/* Without xCreate a table exists as soon as its module does, and only then. */
static const sqlite3_module module = {
    .xConnect = connect,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = at_end,
    .xColumn = column,
    .xRowid = row_id,
};

/* SQLite declares a table's columns when the table is first named: here, before queries may only read. */
int query_table_add(sqlite3 *db, struct query_table *t)
{
    int rc = sqlite3_create_module(db, t->name, &module, t);
    sqlite3_stmt *q = NULL;
    struct buf sql = { 0 };
    buf_print(&sql, "SELECT 1 FROM %s", t->name);
    if (rc == SQLITE_OK) rc = sqlite3_prepare_v2(db, buf_chars(&sql), -1, &q, NULL);
    sqlite3_finalize(q);
    buf_release(&sql);
    return rc;
}
