#include "store/query_private.h"

#include <string.h>

/* One cell as text for people (`exact` false) or for programs. */
static void print_cell(struct buf *out, sqlite3_stmt *q, int i, bool exact)
{
    switch (sqlite3_column_type(q, i)) {
    case SQLITE_NULL: break;
    case SQLITE_INTEGER: buf_print(out, "%lld", (long long)sqlite3_column_int64(q, i)); break;
    case SQLITE_FLOAT:
        if (exact)
            buf_real(out, sqlite3_column_double(q, i));
        else
            buf_print(out, "%.6g", sqlite3_column_double(q, i));
        break;
    default: buf_text(out, (const char *)sqlite3_column_text(q, i));
    }
}

static void print_csv_text(struct buf *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        buf_text(out, text);
        return;
    }
    buf_text(out, "\"");
    for (; *text; text++) buf_add(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    buf_text(out, "\"");
}

static int print_csv(struct buf *out, sqlite3_stmt *q)
{
    const int columns = sqlite3_column_count(q);
    struct buf cell = { 0 };
    int rc;
    for (int i = 0; i < columns; i++) {
        if (i) buf_text(out, ",");
        print_csv_text(out, sqlite3_column_name(q, i));
    }
    buf_text(out, "\r\n");
    while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
        for (int i = 0; i < columns; i++) {
            buf_clear(&cell);
            print_cell(&cell, q, i, true);
            if (i) buf_text(out, ",");
            print_csv_text(out, buf_chars(&cell));
        }
        buf_text(out, "\r\n");
    }
    buf_release(&cell);
    return rc;
}

static void print_json_cell(struct buf *out, sqlite3_stmt *q, int i)
{
    const int type = sqlite3_column_type(q, i);
    if (type == SQLITE_NULL)
        buf_text(out, "null");
    else if (type == SQLITE_FLOAT)
        buf_json_real(out, sqlite3_column_double(q, i));
    else if (type == SQLITE_INTEGER)
        print_cell(out, q, i, true);
    else
        buf_json(out, (const char *)sqlite3_column_text(q, i));
}

static int print_json(struct buf *out, sqlite3_stmt *q)
{
    const int columns = sqlite3_column_count(q);
    const char *between = "\n";
    int rc;
    buf_text(out, "{\"schema\":1,\"columns\":[");
    for (int i = 0; i < columns; i++) {
        if (i) buf_text(out, ",");
        buf_json(out, sqlite3_column_name(q, i));
    }
    buf_text(out, "],\"rows\":[");
    for (; (rc = sqlite3_step(q)) == SQLITE_ROW; between = ",\n") {
        buf_print(out, "%s[", between);
        for (int i = 0; i < columns; i++) {
            if (i) buf_text(out, ",");
            print_json_cell(out, q, i);
        }
        buf_text(out, "]");
    }
    buf_text(out, "]}\n");
    return rc;
}

/* Cells wait until the widths are known. */
struct grid {
    struct buf text; /* cells one after another, NUL-terminated */
    size_t *width;
    bool *left; /* texts to the left, numbers to the right */
    int columns;
    size_t rows;
};

static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static void grid_add(struct grid *g, int i, const char *cell)
{
    const size_t width = width_of(cell);
    buf_add(&g->text, cell, strlen(cell) + 1);
    if (width > g->width[i]) g->width[i] = width;
}

static void grid_print(const struct grid *g, struct buf *out)
{
    const char *cell = buf_chars(&g->text);
    for (size_t row = 0; row < g->rows; row++)
        for (int i = 0; i < g->columns; i++) {
            const int pad = (int)(g->width[i] - width_of(cell));
            const bool last = i + 1 == g->columns;
            if (g->left[i])
                buf_print(out, "%s%*s%s", cell, last ? 0 : pad, "", last ? "\n" : "  ");
            else
                buf_print(out, "%*s%s%s", pad, "", cell, last ? "\n" : "  ");
            cell += strlen(cell) + 1;
        }
}

/* A newline inside a cell would break the table. */
static void flatten(struct buf *cell)
{
    for (size_t i = 0; i < cell->length; i++)
        if ((unsigned char)cell->bytes[i] < ' ') cell->bytes[i] = ' ';
}

static int print_table(struct buf *out, sqlite3_stmt *q)
{
    struct arena a = { 0 };
    struct buf cell = { 0 };
    struct grid g = { .columns = sqlite3_column_count(q), .rows = 1 };
    int rc;
    g.width = ARENA_NEW(&a, (size_t)g.columns, size_t);
    g.left = ARENA_NEW(&a, (size_t)g.columns, bool);
    for (int i = 0; i < g.columns; i++) grid_add(&g, i, sqlite3_column_name(q, i));
    for (; (rc = sqlite3_step(q)) == SQLITE_ROW; g.rows++)
        for (int i = 0; i < g.columns; i++) {
            buf_clear(&cell);
            print_cell(&cell, q, i, false);
            flatten(&cell);
            if (sqlite3_column_type(q, i) == SQLITE_TEXT) g.left[i] = true;
            grid_add(&g, i, buf_chars(&cell));
        }
    grid_print(&g, out);
    buf_release(&g.text);
    buf_release(&cell);
    arena_release(&a);
    return rc;
}

int query_print(struct buf *out, sqlite3_stmt *q, enum query_format format)
{
    static int (*const print[])(struct buf *, sqlite3_stmt *) = {
        [QUERY_TABLE] = print_table, [QUERY_CSV] = print_csv, [QUERY_JSON] = print_json
    };
    return print[format](out, q);
}
