#include "query/print.h"
#include "base/json.h"
#include "base/text_table.h"
#include "query/state.h"

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

enum { ENOUGH = 1 << 16 };

/* The next row, after those before it have gone where they are to go. */
static int next_row(struct buf *out, query_sink *sink, sqlite3_stmt *q)
{
    if (sink && out->length >= ENOUGH && !sink(out)) return SQLITE_DONE;
    return sqlite3_step(q);
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

static void print_tsv_text(struct buf *out, const char *text)
{
    static const char special[] = "\t\n\r\\", name[] = "tnr\\";
    for (; *text; text++) {
        const char *at = strchr(special, *text);
        if (at)
            buf_print(out, "\\%c", name[at - special]);
        else
            buf_add(out, text, 1);
    }
}

/* A line of texts with something between them. */
struct lines {
    const char *between;
    void (*text)(struct buf *out, const char *text);
};

static int print_lines(struct buf *out, query_sink *sink, sqlite3_stmt *q, const struct lines *how, bool headless)
{
    const int columns = sqlite3_column_count(q);
    struct buf cell = { 0 };
    int rc;
    for (int i = 0; i < columns && !headless; i++) {
        how->text(out, sqlite3_column_name(q, i));
        buf_text(out, i + 1 < columns ? how->between : "\n");
    }
    while ((rc = next_row(out, sink, q)) == SQLITE_ROW)
        for (int i = 0; i < columns; i++) {
            buf_clear(&cell);
            print_cell(&cell, q, i, true);
            how->text(out, buf_chars(&cell));
            buf_text(out, i + 1 < columns ? how->between : "\n");
        }
    buf_release(&cell);
    return rc;
}

static int print_csv(struct buf *out, query_sink *sink, sqlite3_stmt *q, bool headless)
{
    static const struct lines csv = { ",", print_csv_text };
    return print_lines(out, sink, q, &csv, headless);
}

static int print_tsv(struct buf *out, query_sink *sink, sqlite3_stmt *q, bool headless)
{
    static const struct lines tsv = { "\t", print_tsv_text };
    return print_lines(out, sink, q, &tsv, headless);
}

static void print_json_cell(struct buf *out, const char *key, sqlite3_stmt *q, int i)
{
    const int type = sqlite3_column_type(q, i);
    if (type == SQLITE_FLOAT)
        json_real(out, key, sqlite3_column_double(q, i));
    else if (type == SQLITE_INTEGER)
        json_int(out, key, sqlite3_column_int64(q, i));
    else
        json_text(out, key, (const char *)sqlite3_column_text(q, i));
}

static int print_json(struct buf *out, query_sink *sink, sqlite3_stmt *q, bool headless)
{
    (void)headless; /* an object has no such line */
    const int columns = sqlite3_column_count(q);
    const char *between = "\n";
    int rc;
    json_open(out, NULL, '{');
    json_count(out, "schema", 1);
    json_open(out, "columns", '[');
    for (int i = 0; i < columns; i++) json_text(out, NULL, sqlite3_column_name(q, i));
    json_close(out, ']');
    json_open(out, "rows", '[');
    for (; (rc = next_row(out, sink, q)) == SQLITE_ROW; between = ",\n") {
        buf_text(out, between);
        json_open(out, NULL, '[');
        for (int i = 0; i < columns; i++) print_json_cell(out, NULL, q, i);
        json_close(out, ']');
    }
    buf_text(out, "]}\n");
    return rc;
}

/* Texts to the left, numbers to the right. */
static int print_table(struct buf *out, query_sink *sink, sqlite3_stmt *q, bool headless)
{
    const int columns = sqlite3_column_count(q);
    struct text_table t = { .columns = (size_t)columns };
    struct buf cell = { 0 };
    int rc;
    for (int i = 0; i < columns && !headless; i++) text_table_cell(&t, "%s", sqlite3_column_name(q, i));
    while ((rc = next_row(out, sink, q)) == SQLITE_ROW)
        for (int i = 0; i < columns; i++) {
            buf_clear(&cell);
            print_cell(&cell, q, i, false);
            if (sqlite3_column_type(q, i) == SQLITE_TEXT) t.left[i] = true;
            text_table_cell(&t, "%s", buf_chars(&cell));
        }
    if (rc == SQLITE_DONE) text_table_print(&t, out);
    buf_release(&cell);
    text_table_release(&t);
    return rc;
}

static int print_jsonl(struct buf *out, query_sink *sink, sqlite3_stmt *q, bool headless)
{
    (void)headless;
    const int columns = sqlite3_column_count(q);
    int rc;
    while ((rc = next_row(out, sink, q)) == SQLITE_ROW) {
        json_open(out, NULL, '{');
        for (int i = 0; i < columns; i++) print_json_cell(out, sqlite3_column_name(q, i), q, i);
        buf_text(out, "}\n");
    }
    return rc;
}

/* What a text is in the store, to the byte: a sweep file comes out as it went in. */
static int print_raw(struct buf *out, query_sink *sink, sqlite3_stmt *q, bool headless)
{
    (void)headless; /* it never has that line */
    const int columns = sqlite3_column_count(q);
    int rc;
    while ((rc = next_row(out, sink, q)) == SQLITE_ROW) {
        const size_t before = out->length;
        for (int i = 0; i < columns; i++) {
            if (i) buf_text(out, "\t");
            print_cell(out, q, i, true);
        }
        if (out->length == before || out->bytes[out->length - 1] != '\n') buf_text(out, "\n");
    }
    return rc;
}

/* A bar would end the cell, a line feed the table. */
static void print_markdown_text(struct buf *out, const char *text)
{
    for (; *text; text++)
        if (*text == '|')
            buf_text(out, "\\|");
        else
            buf_add(out, *text == '\n' ? " " : text, 1);
}

static int print_markdown(struct buf *out, query_sink *sink, sqlite3_stmt *q, bool headless)
{
    (void)headless; /* it is no table without */
    const int columns = sqlite3_column_count(q);
    struct buf cell = { 0 };
    int rc;
    for (int i = 0; i < columns; i++) {
        buf_text(out, "| ");
        print_markdown_text(out, sqlite3_column_name(q, i));
        buf_text(out, i + 1 < columns ? " " : " |\n");
    }
    for (int i = 0; i < columns; i++) buf_text(out, i + 1 < columns ? "| --- " : "| --- |\n");
    while ((rc = next_row(out, sink, q)) == SQLITE_ROW)
        for (int i = 0; i < columns; i++) {
            buf_clear(&cell);
            print_cell(&cell, q, i, false);
            buf_text(out, "| ");
            print_markdown_text(out, buf_chars(&cell));
            buf_text(out, i + 1 < columns ? " " : " |\n");
        }
    buf_release(&cell);
    return rc;
}

const char *const query_format_name[] = { "table", "csv", "tsv", "json", "jsonl", "markdown", "raw", NULL };

int query_print(struct buf *out, query_sink *sink, sqlite3_stmt *q, struct query_form form)
{
    static int (*const print[])(struct buf *, query_sink *, sqlite3_stmt *, bool) = {
        [QUERY_TABLE] = print_table, [QUERY_CSV] = print_csv,     [QUERY_TSV] = print_tsv,
        [QUERY_JSON] = print_json,   [QUERY_JSONL] = print_jsonl, [QUERY_MARKDOWN] = print_markdown,
        [QUERY_RAW] = print_raw,
    };
    return print[form.format](out, sink, q, form.headless);
}
