#include "disk/csv.h"

#include "base/buf.h"
#include "base/number.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* What stands for a number, though it is none that is read: 1e400, 0x10, inf, and words for a missing one. */
static bool is_value(const char *cell)
{
    static const char *const missing[] = { "", "?", "-", "na", "n/a", "null", "none" };
    char *end;
    for (size_t i = 0; i < ARRAY_LEN(missing); i++)
        if (!strcasecmp(cell, missing[i])) return true;
    strtod(cell, &end);
    return !*end;
}

/* Numbers may stand beside names if they count the columns, as pandas writes those that have no name. */
static bool is_names(const struct line *l)
{
    char cell[CELL];
    double number, last = 0;
    bool counted = false, named = false;
    for (const char *at = l->at; next_cell(&at, l->end, cell);) {
        if (!number_real(cell, &number)) {
            named = named || !is_value(cell);
            continue;
        }
        if (counted ? number != last + 1 : number != 0 && number != 1) return false;
        counted = true;
        last = number;
    }
    return named;
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
    while (!rc && next_line(&l, from, end)) {
        lines++;
        if (memchr(l.at, 0, (size_t)(l.end - l.at)))
            rc = err_at(e, ERR_SPEC, path, NOWHERE, NULL, "has a byte 0 in line %zu, which no text has", l.number);
    }
    l = (struct line){ 0 };
    if (!rc && !next_line(&l, from, end)) rc = err_at(e, ERR_SPEC, path, NOWHERE, NULL, "is empty");
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
