/** query/form.h: how the answer of a query looks, and who takes it. */
#ifndef TOMBOLA_QUERY_FORM_H
#define TOMBOLA_QUERY_FORM_H

#include "base/buf.h"

#include <stdbool.h>

enum query_format {
    QUERY_TABLE,
    QUERY_CSV,
    QUERY_TSV,
    QUERY_JSON,
    QUERY_JSONL,
    QUERY_MARKDOWN,
    QUERY_RAW,
    QUERY_FORMATS
};
extern const char *const query_format_name[]; /* NULL-terminated */

struct query_form {
    enum query_format format;
    bool headless; /* without the line of column names: of a table, CSV, TSV */
};

/** Takes what is in out, and empties it; false: nobody wants more. */
typedef bool query_sink(struct buf *out);

#endif
