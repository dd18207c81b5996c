#include "cli/find.h"

#include <string.h>

int find_job(const struct store_row *row, size_t rows, const char *prefix, size_t *at, struct err *e)
{
    size_t found = 0, length = strlen(prefix);
    for (size_t i = 0; i < rows; i++) {
        if (row[i].state == JOB_UNUSED || length > ID_CHARS || strncmp(row[i].id, prefix, length)) continue;
        *at = i;
        found++;
    }
    if (found == 1 && length >= 4) return 0;
    if (length < 4) return err_set(e, ERR_SPEC, "'%s' is too short: at least 4 characters of a job's id", prefix);
    return err_set(
        e, ERR_SPEC,
        found ? "%zu jobs begin with '%s'; give more characters"
              : "%zu jobs begin with '%s'; `tombola query STORE \"SELECT id, control FROM jobs\"` lists them",
        found, prefix);
}
