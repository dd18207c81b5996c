#include "base/clock.h"
#include "base/text_table.h"
#include "cli/lineage.h"
#include "cli/room.h"
#include "cli/sheet.h"
#include "job/estimate.h"
#include "job/registry.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

double estimate_epoch_f64(const struct job_spec *spec, int64_t eval_every, double budget);

enum { TIMED_SHAPES = 16, TIMED_BYTES = 1 << 28 };

struct totals {
    size_t jobs, held, train;
    bool searches; /* some are trained only if a search needs them */
    double epochs, seconds, bytes;
};

static void add(struct totals *t, const struct sheet *s, size_t i, const double *epoch_seconds)
{
    const struct plan_job *job = &s->plan.job[i];
    bool held = s->state[i] == JOB_DONE;
    t->jobs++;
    t->held += held;
    t->bytes += (double)family_row_bytes(&s->plan.family[job->family]);
    if (held || cli_not_needed(s->why[i])) return;
    t->searches |= job->gate.after != PLAN_NONE;
    t->train++;
    t->epochs += (double)plan_epochs(&s->plan, i);
    t->seconds += (double)plan_epochs(&s->plan, i) * epoch_seconds[job->shape];
}

static double time_shape(const struct sheet *s, size_t job)
{
    const struct job_spec *spec = &s->plan.shape[s->plan.job[job].shape].example;
    const int64_t every = s->plan.watch[s->plan.job[job].watch].eval_every;
    if (room_of_job(&s->plan, job) > TIMED_BYTES) return (double)NAN;
    return (spec->training.precision == PRECISION_DOUBLE ? estimate_epoch_f64 : estimate_epoch)(spec, every, 0.05);
}

/* An epoch of every shape is timed here and now.  What is too large for that, or past the first few, takes the mean
 * of the others, or nobody knows how long. */
static size_t time_shapes(const struct sheet *s, double *epoch_seconds)
{
    double sum = 0;
    size_t timed = 0;
    for (size_t i = 0; i < s->plan.shapes; i++) {
        size_t job = 0;
        while (s->plan.job[job].shape != i) job++;
        epoch_seconds[i] = i < TIMED_SHAPES ? time_shape(s, job) : (double)NAN;
        if (isnan(epoch_seconds[i])) continue;
        sum += epoch_seconds[i];
        timed++;
    }
    for (size_t i = 0; i < s->plan.shapes; i++)
        if (isnan(epoch_seconds[i])) epoch_seconds[i] = sum / (double)timed;
    return timed;
}

static const char *bytes_text(double bytes, char out[32])
{
    static const char *const unit[] = { "B", "kB", "MB", "GB", "TB", "PB" };
    size_t u = 0;
    for (; bytes >= 1000 && u + 1 < ARRAY_LEN(unit); u++) bytes /= 1000;
    snprintf(out, 32, u ? "%.1f %s" : "%.0f %s", bytes, unit[u]);
    return out;
}

static void print_text(const struct sheet *s, const struct totals *all, const struct totals *by, size_t timed)
{
    struct text_table t = { .columns = 5, .left = { true } };
    const char *const head[] = { "control", "jobs", "held", "to train", "epochs" };
    for (size_t i = 0; i < t.columns; i++) text_table_cell(&t, "%s", head[i]);
    const char *const *names = registry_names(PLUGIN_CONTROL);
    for (size_t c = 0; names[c]; c++) {
        if (!by[c].jobs) continue;
        text_table_cell(&t, "%s", names[c]);
        text_table_cell(&t, "%zu", by[c].jobs);
        text_table_cell(&t, "%zu", by[c].held);
        text_table_cell(&t, "%zu", by[c].train);
        text_table_cell(&t, "%.0f", by[c].epochs);
    }
    struct buf text = { 0 };
    char bytes[32], span[32];
    buf_print(&text, "sweep %s: %zu jobs in %zu wave%s, from %" PRIu64 " grid points\n\n", sweep_name(s->plan.sweep),
              s->plan.jobs, plan_waves(&s->plan), plan_waves(&s->plan) == 1 ? "" : "s", s->plan.points);
    text_table_print(&t, &text);
    buf_text(&text, "\nwhat is made from what:\n");
    lineage_print(s, &text);
    buf_print(&text, "\nto train: %s%zu jobs, %.0f epochs, ", all->searches ? "at most " : "", all->train,
              all->epochs);
    if (timed || all->train == 0)
        buf_print(&text, "about %s of one core (%.3g core-hours; timed here on %zu of %zu network shapes)\n",
                  clock_span(all->seconds, span), all->seconds / 3600, timed, s->plan.shapes);
    else
        buf_text(&text, "too large to be timed here\n");
    buf_print(&text, "store: %s, %s when full%s\n", s->store, bytes_text(all->bytes, bytes),
              s->store_exists ? "; it exists and will be continued" : "");
    fputs(text.bytes, stdout);
    buf_release(&text);
    text_table_release(&t);
}

static void print_json(const struct sheet *s, const struct totals *all, const struct totals *by, size_t timed)
{
    struct buf b = { 0 };
    const char *const *names = registry_names(PLUGIN_CONTROL);
    const char *comma = "";
    buf_text(&b, "{\"schema\":1,\"sweep\":");
    buf_json(&b, sweep_name(s->plan.sweep));
    buf_text(&b, ",\"store\":");
    buf_json(&b, s->store);
    buf_print(&b, ",\"points\":%" PRIu64 ",\"jobs\":%zu,\"held\":%zu,\"to_train\":%zu,\"waves\":%zu,\"epochs\":%.0f",
              s->plan.points, s->plan.jobs, all->held, all->train, plan_waves(&s->plan), all->epochs);
    buf_text(&b, ",\"core_seconds\":");
    buf_json_real(&b, all->seconds);
    buf_print(&b, ",\"shapes\":%zu,\"shapes_timed\":%zu,\"bytes\":%.0f,\"controls\":{", s->plan.shapes, timed,
              all->bytes);
    for (size_t c = 0; names[c]; c++) {
        if (!by[c].jobs) continue;
        buf_print(&b, "%s\"%s\":{\"jobs\":%zu,\"held\":%zu,\"to_train\":%zu}", comma, names[c], by[c].jobs,
                  by[c].held, by[c].train);
        comma = ",";
    }
    buf_text(&b, "},\"lineage\":");
    lineage_json(s, &b);
    buf_text(&b, "}\n");
    fputs(b.bytes, stdout);
    buf_release(&b);
}

static size_t control_index(const struct plan_job *job)
{
    const char *control = strstr(job->canonical, "\ncontrol=") + strlen("\ncontrol=");
    const char *const *names = registry_names(PLUGIN_CONTROL);
    for (size_t c = 0; names[c]; c++)
        if (strlen(names[c]) == strcspn(control, "\n") && !strncmp(names[c], control, strlen(names[c]))) return c;
    BUG("a job without a control");
}

static int run_plan(const struct cli *c)
{
    struct sheet s;
    int code = sheet_open(&s, c);
    if (code) return code;
    double *epoch_seconds = ARENA_NEW(&s.arena, s.plan.shapes + 1, double);
    struct totals all = { 0 }, by[32] = { { 0 } };
    size_t timed = time_shapes(&s, epoch_seconds);
    for (size_t i = 0; i < s.plan.jobs; i++) {
        add(&all, &s, i, epoch_seconds);
        add(&by[control_index(&s.plan.job[i])], &s, i, epoch_seconds);
    }
    (cli_value(c, "json") ? print_json : print_text)(&s, &all, by, timed);
    sheet_close(&s);
    return 0;
}

static const struct cli_option options[] = {
    { "store", "FILE", "the store (default: results/NAME.h5)" },
    { "json", NULL, "one JSON value" },
    { .name = NULL },
};

const struct command command_plan = {
    .name = "plan",
    .args = "SWEEP.yaml [--store S]",
    .summary = "what would run: jobs, waves, epochs, core-hours, bytes",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .help = "Checks the whole file, and those that it includes, and writes nothing.  Jobs that the store holds are "
            "not trained again.\n"
            "The time of an epoch is measured on this machine, by training each shape of network a little.\n",
    .run = run_plan,
};
