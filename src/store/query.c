#include "store/query.h"

#include "base/field.h"
#include "store/query_private.h"

#include <string.h>

static void take_image(void *ctx, uint32_t row, void *image, bool intact)
{
    (void)row;
    struct query_table *t = ctx;
    if (!intact) return;
    struct id id;
    const struct column *key = columns_find(t->columns, t->key);
    memcpy(t->row + t->count * t->stride, image, t->stride);
    if (id_parse((const char *)image + key->offset, &id)) map_add(&t->index, id, (uint32_t)t->count);
    t->count++;
}

static int load_jobs(struct query_table *t)
{
    t->count = 0;
    t->row = arena_array(t->arena, store_rows(t->s), t->stride);
    return rows_each(t->s, take_image, t, t->e);
}

struct use_row {
    char sweep[64], grid[64], id[ID_CHARS];
};
static const struct column use_columns[] = {
    { .name = "sweep", .type = COLUMN_TEXT, .offset = offsetof(struct use_row, sweep), .size = 64 },
    { .name = "grid", .type = COLUMN_TEXT, .offset = offsetof(struct use_row, grid), .size = 64 },
    { .name = "id", .type = COLUMN_TEXT, .offset = offsetof(struct use_row, id), .size = ID_CHARS },
    COLUMN_END,
};

struct ids {
    char (*id)[ID_CHARS];
    const struct row_form *form;
};

static void take_id(void *ctx, uint32_t row, void *image, bool intact)
{
    struct ids *ids = ctx;
    const struct column *id = columns_find(ids->form->column, "id");
    if (intact) memcpy(ids->id[row], (const char *)image + id->offset, ID_CHARS);
}

static int load_grids(struct query_table *t)
{
    struct store_grid *use;
    struct ids ids = { arena_array(t->arena, store_rows(t->s), ID_CHARS), &t->s->form };
    if (store_read_uses(t->s, t->arena, &use, &t->count, t->e) || rows_each(t->s, take_id, &ids, t->e)) return -1;
    t->row = arena_array(t->arena, t->count, t->stride);
    for (size_t i = 0; i < t->count; i++) {
        struct use_row *row = (struct use_row *)(void *)(t->row + i * t->stride);
        memcpy(row->sweep, use[i].sweep, sizeof row->sweep);
        memcpy(row->grid, use[i].name, sizeof row->grid);
        memcpy(row->id, ids.id[use[i].row], sizeof row->id);
    }
    return 0;
}

/* SQLite names what it does not know; we know what there is. */
static const char *near_hint(const char *message, const struct query_table *table, size_t tables)
{
    static const char no_column[] = "no such column: ", no_table[] = "no such table: ";
    const char *names[512] = { 0 }, *word;
    size_t n = 0;
    if (!strncmp(message, no_column, strlen(no_column))) {
        const char *dot = strrchr(message, '.');
        word = dot ? dot + 1 : message + strlen(no_column);
        for (size_t i = 0; i < tables; i++)
            for (const struct column *c = table[i].columns; c->name && n < ARRAY_LEN(names) - 1; c++)
                names[n++] = c->name;
    } else if (!strncmp(message, no_table, strlen(no_table))) {
        word = message + strlen(no_table);
        for (size_t i = 0; i < tables; i++) names[n++] = table[i].name;
    } else {
        return NULL;
    }
    return near_name(word, names);
}

static int sql_error(sqlite3 *db, const struct query_table *table, size_t tables, struct err *e)
{
    if (e->kind != ERR_NONE) return -1; /* a table could not be loaded */
    const char *message = sqlite3_errmsg(db), *near = near_hint(message, table, tables);
    return err_set(e, ERR_SPEC, "SQL: %.300s%s%s%s", message, near ? "; did you mean '" : "", near ? near : "",
                   near ? "'?" : "");
}

static int only_reading(void *ctx, int action, const char *a, const char *b, const char *database,
                        const char *trigger)
{
    (void)ctx, (void)a, (void)b, (void)database, (void)trigger;
    bool reads =
        action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_FUNCTION || action == SQLITE_RECURSIVE;
    return reads ? SQLITE_OK : SQLITE_DENY;
}

static int run(sqlite3 *db, const char *sql, enum query_format format, const struct query_table *table, size_t tables,
               struct buf *out, struct err *e)
{
    sqlite3_stmt *q = NULL;
    const char *rest = "";
    int rc = sqlite3_prepare_v2(db, sql, -1, &q, &rest);
    if (rc == SQLITE_AUTH)
        return err_set(e, ERR_SPEC, "SQL: only SELECT and WITH are allowed: a query changes nothing");
    if (rc != SQLITE_OK) return sql_error(db, table, tables, e);
    if (!q) return err_set(e, ERR_SPEC, "SQL: there is no statement in it");
    if (rest[strspn(rest, " \t\r\n;")])
        rc = err_set(e, ERR_SPEC, "SQL: one statement at a time; what follows the first is '%.80s'", rest);
    else
        rc = query_print(out, q, format) == SQLITE_DONE ? 0 : sql_error(db, table, tables, e);
    sqlite3_finalize(q);
    return rc;
}

int store_query(struct store *s, const char *sql, enum query_format format, struct buf *out, struct err *e)
{
    struct arena a = { 0 };
    struct query_table table[] = {
        { "jobs", s->form.column, s->form.bytes, "id", load_jobs, s, &a, e, false, NULL, 0, { 0 } },
        { "grids", use_columns, sizeof(struct use_row), NULL, load_grids, s, &a, e, false, NULL, 0, { 0 } },
    };
    sqlite3 *db = NULL;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK) die("SQLite cannot start: %s", sqlite3_errmsg(db));
    for (size_t i = 0; i < ARRAY_LEN(table); i++) MUST(query_table_add(db, &table[i]) == SQLITE_OK);
    sqlite3_set_authorizer(db, only_reading, NULL);
    int rc = run(db, sql, format, table, ARRAY_LEN(table), out, e);
    sqlite3_close(db);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) map_release(&table[i].index);
    arena_release(&a);
    return rc;
}
