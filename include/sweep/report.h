/** sweep/report.h: errors of a file, gathered with place and path. */
#ifndef TOMBOLA_SWEEP_REPORT_H
#define TOMBOLA_SWEEP_REPORT_H

#include "base/err.h"

struct sink {
    const char *file;
    struct err_list *errors;
    size_t first; /* errors that were in the list before those of the sweep's files */
};

/** Append one error.  Past ERR_LIST_LIMIT errors are only counted, so that a hostile file stays cheap. */
void report(const struct sink *to, struct mark at, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Names gathered for an "allowed: a, b, c" and a near name. */
enum { NAMES_LIMIT = 1000 };
struct names {
    const char *item[NAMES_LIMIT + 1]; /* NULL-terminated; names past the limit are not offered */
    size_t count;
};
void names_add(struct names *n, const char *name);

/** "TEXT; LABEL: a, b, c; did you mean 'x'?"; a long list is cut. */
void report_names(const struct sink *to, struct mark at, const char *path, const char *word, const char *label,
                  const struct names *known, const char *format, ...) __attribute__((format(printf, 7, 8)));

/** Sort the sweep's errors by file and place and drop those said twice (a node behind two aliases). */
void report_sort(const struct sink *to);

#endif
