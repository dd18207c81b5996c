#include "disk/csv.h"

#include "base/buf.h"
#include "base/number.h"
#include "base/text.h"

#include <string.h>

enum { CELL = 256 }; /* bytes of a cell, with its NUL */

/* The text from *at to the end of its line, and where the next one begins. */
struct line {
    const char *at, *end;
    size_t number;
};

static bool next_line(struct line *l, const char *text, const char *end)
{
    const char *from = l->number ? l->end + 1 : text;
    while (from < end) {
        const char *to = memchr(from, '\n', (size_t)(end - from));
        l->at = from;
        l->end = to ? to : end;
        l->number++;
        for (; from < l->end; from++)
            if (!strchr(" \t\r", *from)) return true;
        from = l->end + 1;
    }
    return false;
}

/* The next cell, without blanks around it and quotes; false behind the last one.  "?" if it is too long. */
static bool next_cell(const char **at, const char *end, char out[CELL])
{
    if (*at > end) return false;
    const char *comma = memchr(*at, ',', (size_t)(end - *at)), *from = *at, *to = comma ? comma : end;
    *at = to + 1;
    while (from < to && strchr(" \t\r", *from)) from++;
    while (to > from && strchr(" \t\r", to[-1])) to--;
    if (to - from > 1 && *from == '"' && to[-1] == '"') from++, to--;
    if (!text_copy(out, CELL, from, (size_t)(to - from))) MUST(text_copy(out, CELL, "?", 1));
    return true;
}

static size_t count_cells(const struct line *l)
{
    size_t count = 1;
    for (const char *s = l->at; s < l->end; s++) count += *s == ',';
    return count;
}

static bool is_names(const struct line *l)
{
    char cell[CELL];
    double ignored;
    for (const char *at = l->at; next_cell(&at, l->end, cell);)
        if (!number_real(cell, &ignored) && strcmp(cell, "nan") && strcmp(cell, "inf") && strcmp(cell, "-inf"))
            return true;
    return false;
}

static void read_names(struct csv_table *t, const struct line *l, struct arena *a)
{
    char cell[CELL];
    size_t count = 0;
    const char **name = ARENA_NEW(a, t->columns + 1, const char *);
    for (const char *at = l->at; next_cell(&at, l->end, cell);) name[count++] = arena_text(a, cell, strlen(cell));
    t->name = name;
}

static int read_row(const struct csv_table *t, const struct line *l, double *out, const char *path, struct err *e)
{
    char cell[CELL];
    size_t column = 0;
    if (count_cells(l) != t->columns)
        return err_at(e, ERR_SPEC, path, NOWHERE, NULL, "has %zu cells in line %zu, and %zu in the lines before",
                      count_cells(l), l->number, t->columns);
    for (const char *at = l->at; next_cell(&at, l->end, cell); column++)
        if (!number_real(cell, &out[column]))
            return err_at(e, ERR_SPEC, path, NOWHERE, NULL,
                          "has '%s' in line %zu, column %zu, which is no finite number", text_shown(cell, 40),
                          l->number, column + 1);
    return 0;
}

int csv_read(struct csv_table *out, const char *path, struct arena *a, struct err *e)
{
    struct buf text = { 0 };
    *out = (struct csv_table){ 0 };
    if (buf_read_given(&text, path, CSV_MOST, ERR_SPEC, e)) return -1;
    const char *from = buf_chars(&text) + text_byte_order_mark(buf_chars(&text), text.length),
               *end = buf_chars(&text) + text.length;
    struct line l = { 0 };
    size_t lines = 0;
    int rc = 0;
    while (next_line(&l, from, end)) lines++;
    l = (struct line){ 0 };
    if (!next_line(&l, from, end)) rc = err_at(e, ERR_SPEC, path, NOWHERE, NULL, "is empty");
    if (!rc) out->columns = count_cells(&l);
    if (!rc && out->columns > CSV_COLUMNS)
        rc = err_at(e, ERR_SPEC, path, NOWHERE, NULL, "has %zu columns; at most %d are read", out->columns,
                    CSV_COLUMNS);
    const bool named = !rc && is_names(&l);
    if (named) read_names(out, &l, a);
    double *value = rc ? NULL : ARENA_NEW(a, (lines - named) * out->columns, double);
    for (bool more = value && (!named || next_line(&l, from, end)); more && !rc; more = next_line(&l, from, end))
        rc = read_row(out, &l, value + out->rows++ * out->columns, path, e);
    out->value = value;
    buf_release(&text);
    return rc;
}
