#include "store/query.h"
#include "base/buf.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static int parse_format(const char *text, enum query_format *out, struct err *e)
{
    static const char *const name[] = { [QUERY_TABLE] = "table", [QUERY_CSV] = "csv", [QUERY_JSON] = "json" };
    *out = QUERY_TABLE;
    if (!text) return 0;
    for (size_t i = 0; i < ARRAY_LEN(name); i++)
        if (!strcmp(text, name[i])) {
            *out = (enum query_format)i;
            return 0;
        }
    return err_set(e, ERR_SPEC, "--format is '%s'; allowed: table, csv, json", text);
}

static int run_query(const struct cli *c)
{
    enum query_format format;
    struct store *store;
    struct err e = { 0 };
    struct buf out = { 0 };
    if (parse_format(cli_value(c, "json") ? "json" : cli_value(c, "format"), &format, &e)) return cli_fail(&e);
    if (store_open_read(&store, c->arg[0], &e)) return cli_fail(&e);
    int code = store_query(store, c->arg[1], format, &out, &e) ? cli_fail(&e) : 0;
    if (!code) fputs(buf_chars(&out), stdout);
    buf_release(&out);
    store_close(store);
    return code;
}

static const struct cli_option options[] = {
    { "format", "F", "table (default), csv or json" },
    { "json", NULL, "the same as --format json" },
    { .name = NULL },
};

const struct command command_query = {
    .name = "query",
    .args = "STORE \"SELECT ...\"",
    .summary = "SQL over the jobs of a store",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .help = "SQLite's SELECT over the tables `jobs` (a row a job: results and every key of its description) and\n"
            "`grids` (sweep, grid, id).  What does not apply to a job is NULL.\n"
            "    tombola query results/quick.h5 \"SELECT control, avg(t_gen) FROM jobs GROUP BY control\"\n",
    .run = run_query,
};
