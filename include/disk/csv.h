/** disk/csv.h: tables of numbers as text: cells between commas, a row a line, the first row may be names. */
#ifndef TOMBOLA_DISK_CSV_H
#define TOMBOLA_DISK_CSV_H

#include "base/arena.h"
#include "base/err.h"

#include <stddef.h>

enum { CSV_MOST = 1 << 30, CSV_COLUMNS = 1 << 20 }; /* bytes of a file and columns that are read */

struct csv_table {
    size_t rows, columns;
    const char *const *name; /* [columns], NULL-terminated; NULL: the first row is numbers */
    const double *value;     /* [rows, columns]                                            */
};

/** ERR_SPEC names the file, and the line and column of what is no number or of a row with more or fewer cells. */
CHECKED int csv_read(struct csv_table *out, const char *path, struct arena *a, struct err *e);

#endif
