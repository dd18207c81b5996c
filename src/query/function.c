#include "query/function.h"

static const struct query_function *const functions[QUERY_FUNCTIONS] = { &query_jaccard, &query_epoch_of,
                                                                         &query_input_of, &query_setting };

const char *query_text(sqlite3_value *value)
{
    return (const char *)sqlite3_value_text(value);
}

static void answer(sqlite3_context *out, int argc, sqlite3_value **argv)
{
    const struct query_call *call = sqlite3_user_data(out);
    const int there = call->function->answer(call->q, out, argc, argv);
    if (there < 0) sqlite3_result_error(out, call->q->e->text, -1);
    if (there == 0) sqlite3_result_null(out);
}

int query_functions_add(sqlite3 *db, struct query *q)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < QUERY_FUNCTIONS; i++) {
        const struct query_function *f = functions[i];
        q->call[i] = (struct query_call){ q, f };
        for (int n = f->least; n <= f->most && rc == SQLITE_OK; n++)
            rc = sqlite3_create_function(db, f->name, n, SQLITE_UTF8, &q->call[i], answer, NULL, NULL);
    }
    return rc;
}

void query_functions_describe(struct buf *out)
{
    buf_text(out, "\nfunctions:\n");
    for (size_t i = 0; i < QUERY_FUNCTIONS; i++) buf_text(out, functions[i]->help);
}
