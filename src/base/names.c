#include "base/names.h"
#include "base/text.h"

#include <stdarg.h>
#include <string.h>

/* Damerau and Levenshtein's distance, without transposing twice. */
static size_t edit_distance(const char *a, const char *b)
{
    enum { MAX = 48 };
    size_t n = strlen(a), m = strlen(b), row[3][MAX + 1];
    if (n > MAX || m > MAX) return MAX;
    for (size_t j = 0; j <= m; j++) row[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = row[i % 3];
        const size_t *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < best) best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

const char *names_near(const char *word, const char *const *names)
{
    size_t best = strlen(word) / 3 + 1;
    if (best > 3) best = 3;
    const char *near = NULL;
    for (size_t i = 0; names[i]; i++) {
        size_t d = edit_distance(word, names[i]);
        if (d <= best && d < strlen(names[i])) {
            if (near && d == best) continue;
            best = d;
            near = names[i];
        }
    }
    return near;
}

void names_print(struct buf *out, const char *const *names)
{
    for (size_t i = 0; names[i]; i++) buf_print(out, "%s%s", i ? ", " : "", names[i]);
}

void names_suggest(struct buf *out, const char *word, const char *const *names)
{
    const char *near = names_near(word, names);
    if (near) buf_print(out, "; did you mean '%s'?", near);
}

int names_unknown(struct err *e, const char *file, const char *word, const char *const *names, const char *format,
                  ...)
{
    static const char *const none[] = { "none", NULL };
    const bool some = names && names[0];
    struct buf text = { 0 }, known = { 0 };
    va_list args;
    va_start(args, format);
    buf_print_args(&text, format, args);
    va_end(args);
    names_print(&known, some ? names : none);
    buf_print(&text, ": %s", text_shown(buf_chars(&known), 300));
    if (some) names_suggest(&text, word, names);
    err_at(e, ERR_SPEC, file, NOWHERE, NULL, "%s", buf_chars(&text));
    buf_release(&known);
    buf_release(&text);
    return -1;
}

/* The place of the name with which a list begins, and its length; names may have commas, and the longest counts. */
static size_t leading(const char *list, const char *const *names, size_t *length)
{
    size_t best = 0;
    *length = 0;
    for (size_t i = 0; names[i]; i++) {
        const size_t n = strlen(names[i]);
        if (n < *length || strncmp(list, names[i], n) || !strchr(",", list[n])) continue;
        best = i;
        *length = n;
    }
    return best;
}

int names_mark(const char *list, const char *what, const char *const *names, bool *marked, struct err *e)
{
    struct buf word = { 0 };
    for (const char *at = list; at && !e->kind; at = *at ? at + 1 : NULL) {
        size_t length;
        const size_t i = leading(at, names, &length);
        if (length)
            marked[i] = true;
        else {
            length = strcspn(at, ",");
            buf_add(&word, at, length);
            names_unknown(e, NULL, buf_chars(&word), names, "no %s '%s'; known", what,
                          text_shown(buf_chars(&word), 80));
        }
        at += length;
    }
    buf_release(&word);
    return e->kind ? -1 : 0;
}
