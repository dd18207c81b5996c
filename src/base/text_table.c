#include "base/text_table.h"
#include "base/err.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_table_release(struct text_table *t)
{
    buf_release(&t->text);
    t->cells = 0;
}

void text_table_cell(struct text_table *t, const char *format, ...)
{
    char *cell;
    va_list args;
    va_start(args, format);
    if (vasprintf(&cell, format, args) < 0) die("out of memory for a table");
    va_end(args);
    for (char *c = cell; *c; c++)
        if ((unsigned char)*c < ' ') *c = ' '; /* a newline inside a cell would break the table */
    buf_add(&t->text, cell, strlen(cell) + 1);
    t->cells++;
    free(cell);
}

void text_table_real(struct text_table *t, double value, int digits)
{
    if (isnan(value))
        text_table_cell(t, "-");
    else
        text_table_cell(t, "%.*g", digits, value);
}

/* Continuation bytes of UTF-8 take no room on the screen. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++) width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static void pad(struct buf *out, size_t blanks)
{
    buf_print(out, "%*s", (int)blanks, "");
}

/* One long text may not make every row as long as it is. */
enum { WIDEST = 500 };

static size_t column_width(size_t before, size_t cell)
{
    if (cell > WIDEST) cell = WIDEST;
    return cell > before ? cell : before;
}

static void measure(const struct text_table *t, size_t width[TABLE_COLUMNS])
{
    MUST(t->columns > 0 && t->columns <= TABLE_COLUMNS && t->cells % t->columns == 0);
    const char *cell = buf_chars(&t->text);
    memset(width, 0, t->columns * sizeof *width);
    for (size_t i = 0; i < t->cells; i++, cell += strlen(cell) + 1)
        width[i % t->columns] = column_width(width[i % t->columns], width_of(cell));
}

static size_t total_width(const struct text_table *t)
{
    size_t width[TABLE_COLUMNS], sum = 2 * (t->columns - 1);
    measure(t, width);
    for (size_t c = 0; c < t->columns; c++) sum += width[c];
    return sum;
}

static bool says_nothing(const char *cell)
{
    return !cell[0] || !strcmp(cell, "0") || !strcmp(cell, "-");
}

/* Do all rows below the head say the same; or, if so asked, nothing? */
static bool is_idle(const struct text_table *t, size_t column, bool empty)
{
    const char *cell = buf_chars(&t->text), *first = NULL;
    for (size_t i = 0; i < t->cells; i++, cell += strlen(cell) + 1) {
        if (i < t->columns || i % t->columns != column) continue;
        if (!first) first = cell;
        if (empty ? !says_nothing(cell) : strcmp(first, cell)) return false;
    }
    return true;
}

static void drop_column(struct text_table *t, size_t column)
{
    struct buf kept = { 0 };
    const char *cell = buf_chars(&t->text);
    for (size_t i = 0; i < t->cells; i++, cell += strlen(cell) + 1)
        if (i % t->columns != column) buf_add(&kept, cell, strlen(cell) + 1);
    t->cells -= t->cells / t->columns;
    t->columns--;
    memmove(&t->left[column], &t->left[column + 1], (t->columns - column) * sizeof t->left[0]);
    buf_release(&t->text);
    t->text = kept;
}

static void drop_idle(struct text_table *t, size_t places, size_t kept, bool empty)
{
    for (size_t c = 0; c + kept < t->columns && t->columns > 1 && total_width(t) > places;)
        if (is_idle(t, c, empty))
            drop_column(t, c);
        else
            c++;
}

void text_table_fit(struct text_table *t, size_t places, size_t results)
{
    drop_idle(t, places, results, true);
    drop_idle(t, places, results, false);
    drop_idle(t, places, 0, true);
}

void text_table_print(const struct text_table *t, struct buf *out)
{
    size_t width[TABLE_COLUMNS];
    measure(t, width);
    const char *cell = buf_chars(&t->text);
    for (size_t i = 0; i < t->cells; i++, cell += strlen(cell) + 1) {
        const size_t c = i % t->columns, own = width_of(cell), blanks = own < width[c] ? width[c] - own : 0;
        bool last = c + 1 == t->columns;
        if (!t->left[c]) pad(out, blanks);
        buf_text(out, cell);
        if (t->left[c] && !last) pad(out, blanks);
        buf_text(out, last ? "\n" : "  ");
    }
}
