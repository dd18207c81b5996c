#include "query/query.h"
#include "base/buf.h"
#include "base/output.h"
#include "cli/cli.h"
#include "job/spec.h"

#include <stdio.h>
#include <string.h>

static int parse_format(const char *text, enum query_format *out, struct err *e)
{
    *out = QUERY_TABLE;
    if (!text) return 0;
    for (int i = 0; i < QUERY_FORMATS; i++)
        if (!strcmp(text, query_format_name[i])) {
            *out = (enum query_format)i;
            return 0;
        }
    return err_set(e, ERR_SPEC, "--format is '%s'; allowed: table, csv, tsv, json, jsonl, markdown, raw", text);
}

static bool print(struct buf *out)
{
    const bool ok = output_text(buf_chars(out));
    buf_clear(out);
    return ok;
}

static int answer(const struct cli *c, struct store *store, struct buf *out, struct err *e)
{
    struct query_form form = { .headless = cli_value(c, "no-header") != NULL };
    if (cli_value(c, "schema")) {
        store_schema(store, out);
        return 0;
    }
    if (!c->arg[1]) return err_set(e, ERR_SPEC, "query needs SQL, or --schema to see what can be asked for");
    if (parse_format(cli_value(c, "json") ? "json" : cli_value(c, "format"), &form.format, e)) return -1;
    if (form.headless && form.format > QUERY_TSV)
        return err_set(e, ERR_SPEC, "--no-header goes with --format table, csv or tsv");
    size_t size;
    return store_query(store, c->arg[1], spec_columns(&size), form, print, out, e);
}

static int run_query(const struct cli *c)
{
    struct store *store;
    struct err e = { 0 };
    struct buf out = { 0 };
    if (store_open_read(&store, c->arg[0], &e)) return cli_fail(&e);
    int code = answer(c, store, &out, &e) ? cli_fail(&e) : 0;
    if (!code) print(&out);
    buf_release(&out);
    store_close(store);
    return code;
}

static const struct cli_option options[] = {
    { "format", "FORMAT", "table (default), csv, tsv, json, jsonl, markdown or raw" },
    { "no-header", NULL, "without the line of column names: of a table, csv or tsv" },
    { "json", NULL, "the same as --format json" },
    { "schema", NULL, "what there is: the tables, their columns, and the aggregates" },
    { .name = NULL },
};

const struct command command_query = {
    .name = "query",
    .args = "STORE \"SELECT ...\"",
    .summary = "SQL over jobs, curves, checkpoints and measures",
    .min_args = 1,
    .max_args = 2,
    .options = options,
    .help =
        "SQLite's SELECT over the tables jobs, grids, sweeps, series, checkpoints, measures, tensors and settings;\n"
        "--schema lists their columns.  What does not apply is NULL, and an aggregate passes over it: count(t_gen) "
        "is\n"
        "how many generalised, mean(t_gen) is of these alone.  settings has a row for all jobs that differ in their\n"
        "seeds alone, with medians in which never is later than every number; GROUP BY setting(id) makes any other\n"
        "aggregate one of a single setting.  Reading disturbs no run.  Recipes:\n"
        "  the settings in which tickets generalise soonest: medians of t_gen, Infinity (inf) is never, NULL not known:\n"
        "    SELECT setting, t_asked, k, t_gen, generalised, done FROM settings\n"
        "      WHERE control = 'ticket' AND done > 0 ORDER BY ifnull(t_gen, t_gen_above), setting\n"
        "  mean and spread of tau_grok over the seeds that generalised, beside how many there are:\n"
        "    SELECT setting(id), control, t_asked, k, mean(tau_grok), stddev(tau_grok), count(tau_grok), count(*)\n"
        "      FROM jobs WHERE state = 'done' GROUP BY setting(id)\n"
        "  jobs that never generalised, and were not ended before by a stop rule:\n"
        "    SELECT id, control, seed, test_accuracy FROM jobs WHERE state = 'done' AND t_gen IS NULL AND ended_by IS NULL\n"
        "  what failed, and why:\n"
        "    SELECT error, count(*) FROM jobs WHERE state IN ('failed', 'blocked') GROUP BY error\n"
        "  how much of each grid is over: done, or skipped, which is an answer:\n"
        "    SELECT g.sweep, g.grid, sum(state = 'done'), sum(state = 'skipped'), count(*)\n"
        "      FROM grids g JOIN jobs USING (id) GROUP BY 1, 2\n"
        "  which host was slow, by jobs with the same arrays:\n"
        "    SELECT family, host, median(seconds / epochs_done), count(*) FROM jobs WHERE state = 'done' GROUP BY "
        "family, host\n"
        "  finished tickets beside the dense networks they were drawn from, both by the ticket's threshold:\n"
        "    SELECT c.seed, c.t_asked, c.k, epoch_of(c.parent, 'test_accuracy', c.threshold, c.eval_every) AS dense, "
        "c.t_gen AS "
        "ticket\n"
        "      FROM jobs c JOIN jobs p ON p.id = c.parent\n"
        "      WHERE c.control = 'ticket' AND p.control = 'dense' AND c.state = 'done'\n"
        "  one curve:\n"
        "    SELECT epoch, value FROM series WHERE job = 'ID' AND name = 'test_accuracy'\n"
        "  the mean curve of each setting:\n"
        "    SELECT setting(id), control, t_asked, k, epoch, mean(value), stddev(value), count(*) FROM jobs JOIN "
        "series ON job = id\n"
        "      WHERE name = 'test_accuracy' GROUP BY setting(id), epoch\n"
        "  the norm of the weights when a network generalised:\n"
        "    SELECT DISTINCT id, control, value FROM jobs JOIN measures m ON m.job = id AND m.epoch = t_gen\n"
        "      WHERE measure = 'norms' AND name = 'l2' AND label = 'all'\n"
        "  the files that initial weights and splits came from, the group in it, and how many jobs:\n"
        "    SELECT input_of(id, 'init.file'), input_of(id, 'init.group'), input_of(id, 'split.file'), count(*) FROM "
        "jobs GROUP BY 1, 2, 3\n"
        "  epochs whose weights can be exported:\n"
        "    SELECT DISTINCT epoch FROM checkpoints WHERE job = 'ID'\n"
        "  which sweep files are in here:\n"
        "    SELECT name, time, command FROM sweeps\n"
        "  the text of one, to the byte, with --format raw:\n"
        "    SELECT text FROM sweeps WHERE name = 'quick'\n",
    .run = run_query,
};
