#include "sweep/report.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/field.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_SHOWN = 40, NAMES_BYTES = 400 };

/* What a user wrote must not move the cursor of a terminal. */
static void plain_text(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F) *text = '?';
}

static bool only_counted(const struct sink *to)
{
    if (to->errors->count < ERR_LIST_LIMIT) return false;
    to->errors->seen++;
    return true;
}

static void append(const struct sink *to, struct mark at, const char *path, char *text)
{
    struct err e = { 0 };
    plain_text(text);
    err_at(&e, ERR_SPEC, to->file, at, path, "%s", text);
    plain_text(e.path);
    err_list_add(to->errors, &e);
}

void report(const struct sink *to, struct mark at, const char *path, const char *format, ...)
{
    if (only_counted(to)) return;
    char text[512];
    va_list args;
    va_start(args, format);
    text_brief_args(text, sizeof text, format, args);
    va_end(args);
    append(to, at, path, text);
}

void names_add(struct names *n, const char *name)
{
    if (n->count == NAMES_LIMIT) return;
    n->item[n->count++] = name;
}

static void list_names(struct buf *out, const struct names *known)
{
    size_t start = out->length;
    for (size_t i = 0; i < known->count; i++) {
        if (i == NAMES_SHOWN || out->length - start + strlen(known->item[i]) > NAMES_BYTES) {
            buf_text(out, i ? ", ..." : "...");
            return;
        }
        buf_print(out, "%s%s", i ? ", " : "", known->item[i]);
    }
}

void report_names(const struct sink *to, struct mark at, const char *path, const char *word, const char *label,
                  const struct names *known, const char *format, ...)
{
    if (only_counted(to)) return;
    struct buf text = { 0 };
    va_list args;
    va_start(args, format);
    buf_print_args(&text, format, args);
    va_end(args);
    if (known->count) {
        buf_print(&text, "; %s: ", label);
        list_names(&text, known);
        names_suggest(&text, word, known->item);
    }
    append(to, at, path, text.bytes);
    buf_release(&text);
}

/* qsort is not stable: equal places keep the order in which they were found. */
static int by_place(const void *a, const void *b)
{
    const struct err *x = *(const struct err *const *)a, *y = *(const struct err *const *)b;
    const int order = strcmp(x->file, y->file);
    if (order) return order;
    if (x->at.line != y->at.line) return x->at.line < y->at.line ? -1 : 1;
    if (x->at.col != y->at.col) return x->at.col < y->at.col ? -1 : 1;
    return x < y ? -1 : x > y;
}

static bool said_before(const struct err *e, const struct err *sorted, size_t count)
{
    for (size_t i = count; i-- > 0 && sorted[i].at.line == e->at.line && sorted[i].at.col == e->at.col;)
        if (!strcmp(sorted[i].text, e->text) && !strcmp(sorted[i].file, e->file)) return true;
    return false;
}

void report_sort(const struct sink *to)
{
    struct err_list *list = to->errors;
    if (list->count <= to->first) return;
    size_t n = list->count - to->first, kept = 0;
    struct err *own = list->item + to->first;
    struct arena scratch = { 0 };
    const struct err **order = ARENA_NEW(&scratch, n, const struct err *);
    struct err *sorted = ARENA_NEW(&scratch, n, struct err);
    for (size_t i = 0; i < n; i++) order[i] = &own[i];
    qsort(order, n, sizeof *order, by_place);
    for (size_t i = 0; i < n; i++)
        if (!said_before(order[i], sorted, kept)) sorted[kept++] = *order[i];
    memcpy(own, sorted, kept * sizeof *own);
    list->count -= n - kept;
    list->seen -= n - kept;
    arena_release(&scratch);
}
