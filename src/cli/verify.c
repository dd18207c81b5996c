#include "store/verify.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/output.h"
#include "base/text.h"
#include "cli/cli.h"
#include "job/recording.h"

#include <inttypes.h>
#include <stdio.h>

struct listing {
    bool json;
    struct buf out;
};

static void on_fault(void *ctx, uint32_t row, const char *id, const char *dataset, const char *what)
{
    struct listing *l = ctx;
    char place[32] = "null";
    const bool of_row = row != VERIFY_NO_ROW;
    if (of_row) MUST(text_print(place, sizeof place, "%" PRIu32, row));
    if (!l->json) {
        struct buf line = { 0 };
        if (of_row) buf_print(&line, "row %s  job %.*s  ", place, 8, id[0] ? id : "?");
        buf_print(&line, "%s: %s", dataset, what);
        output_print("%s\n", text_plain(line.bytes));
        buf_release(&line);
        return;
    }
    json_open(&l->out, NULL, '{');
    json_raw(&l->out, "row", place);
    JSON_TEXTS(&l->out, "id", id, "dataset", dataset, "what", what);
    json_close(&l->out, '}');
}

/* The store itself does not know what its families are for. */
static void check_families(struct store *s, struct listing *l, struct verify_totals *totals)
{
    for (size_t i = 0; i < store_families(s); i++) {
        struct err e = { 0 };
        if (!family_verify(s, i, &e)) continue;
        totals->faults++;
        on_fault(l, VERIFY_NO_ROW, "", store_family(s, i)->name, e.text);
    }
}

static void print_json(const struct verify_totals *totals, const char *faults)
{
    struct buf b = { 0 };
    json_open(&b, NULL, '{');
    JSON_COUNTS(&b, { "schema", 1 }, { "rows", totals->rows }, { "committed", totals->committed },
                { "parts", totals->parts }, { "bytes", totals->bytes });
    json_open(&b, "faults", '[');
    buf_print(&b, "%s]}\n", faults);
    output_text(buf_chars(&b));
    buf_release(&b);
}

static int run_verify(const struct cli *c)
{
    struct store *store;
    struct err e = { 0 };
    struct verify_totals totals = { 0 };
    struct listing listing = { .json = cli_value(c, "json") != NULL };
    if (store_open_read(&store, c->arg[0], &e)) return cli_fail(&e);
    int rc = store_verify(store, on_fault, &listing, &totals, &e);
    if (!rc) check_families(store, &listing, &totals);
    int code = rc ? cli_fail(&e) : totals.faults ? EXIT_DAMAGE : EXIT_DONE;
    if (listing.json)
        print_json(&totals, buf_chars(&listing.out));
    else
        output_print("%zu rows, %zu committed, %zu checksums over %.1f MB: %zu faults\n", totals.rows,
                     totals.committed, totals.parts, (double)totals.bytes / 1e6, totals.faults);
    buf_release(&listing.out);
    store_close(store);
    return code;
}

static const struct cli_option options[] = {
    { "json", NULL, "one JSON value" },
    { .name = NULL },
};

const struct command command_verify = {
    .name = "verify",
    .args = "STORE",
    .summary = "check every checksum, id and link",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .help = "Lists every fault by job and dataset; exit code 5 if there is one.  `tombola run --repair` trains the\n"
            "damaged jobs again, beside what is left of them.\n",
    .run = run_verify,
};
