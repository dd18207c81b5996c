#include "store/query_private.h"

#include <string.h>

/* SQLite's virtual table interface over struct query_table: whole scans, and one row by id. */

enum { SCAN, BY_KEY };

struct table_view {
    sqlite3_vtab base; /* first: SQLite hands it back */
    struct query_table *table;
};
struct cursor {
    sqlite3_vtab_cursor base;
    size_t at, end;
};

static int say(sqlite3_vtab *v, const struct err *e)
{
    sqlite3_free(v->zErrMsg);
    v->zErrMsg = sqlite3_mprintf("%s", e->text);
    return SQLITE_ERROR;
}

static const char *sql_type(enum column_type type)
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
    buf_text(&sql, "CREATE TABLE x(");
    for (const struct column *c = t->columns; c->name; c++) {
        char *name = sqlite3_mprintf("%s\"%w\" %s", c == t->columns ? "" : ", ", c->name, sql_type(c->type));
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

static int best_index(sqlite3_vtab *v, sqlite3_index_info *plan)
{
    const struct query_table *t = ((const struct table_view *)(const void *)v)->table;
    const int key = t->key ? (int)(columns_find(t->columns, t->key) - t->columns) : -1;
    plan->idxNum = SCAN;
    plan->estimatedCost = 1e6;
    plan->estimatedRows = 100000;
    for (int i = 0; i < plan->nConstraint; i++) {
        const struct sqlite3_index_constraint *c = &plan->aConstraint[i];
        if (!c->usable || c->op != SQLITE_INDEX_CONSTRAINT_EQ || c->iColumn != key || key < 0) continue;
        plan->idxNum = BY_KEY;
        plan->aConstraintUsage[i].argvIndex = 1;
        plan->estimatedCost = 1;
        plan->estimatedRows = 1;
        return SQLITE_OK;
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

static int close_cursor(sqlite3_vtab_cursor *c)
{
    sqlite3_free(c);
    return SQLITE_OK;
}

static struct query_table *table_of(sqlite3_vtab_cursor *c)
{
    return ((struct table_view *)(void *)c->pVtab)->table;
}

static int filter(sqlite3_vtab_cursor *base, int how, const char *text, int argc, sqlite3_value **argv)
{
    (void)text;
    struct cursor *c = (struct cursor *)(void *)base;
    struct query_table *t = table_of(base);
    if (!t->loaded && t->load(t)) return say(base->pVtab, t->e);
    t->loaded = true;
    c->at = 0;
    c->end = t->count;
    if (how != BY_KEY || argc < 1) return SQLITE_OK;
    const char *word = (const char *)sqlite3_value_text(argv[0]);
    struct id id;
    uint32_t row;
    bool found = word && strlen(word) == ID_CHARS && id_parse(word, &id) && map_find(&t->index, id, &row);
    c->at = found ? row : 0;
    c->end = found ? (size_t)row + 1 : 0;
    return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *base)
{
    ((struct cursor *)(void *)base)->at++;
    return SQLITE_OK;
}

static int at_end(sqlite3_vtab_cursor *base)
{
    const struct cursor *c = (const struct cursor *)(const void *)base;
    return c->at >= c->end;
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
        sqlite3_result_text(out, text, (int)length, SQLITE_TRANSIENT);
    else
        sqlite3_result_null(out);
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
    const char *place = t->row + ((struct cursor *)(void *)base)->at * t->stride + c->offset;
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
    case COLUMN_TEXT: give_text(out, place, c->size); break;
    case COLUMN_TYPES: BUG("no such column type");
    }
    return SQLITE_OK;
}

static int row_id(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((struct cursor *)(void *)base)->at;
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
