#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/output.h"
#include "base/text.h"
#include "base/text_table.h"
#include "cli/forecast.h"
#include "cli/likely.h"
#include "cli/lineage.h"
#include "cli/pace.h"
#include "cli/points.h"
#include "cli/room.h"
#include "cli/shortfall.h"
#include "cli/timing.h"
#include "job/registry.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct totals {
    size_t jobs, held, train;
    size_t continued, again;   /* of those to train: go on from an end; of these from their own, by another stop rule */
    size_t ends;               /* of those to train: may leave their end states */
    double shared, end_epochs; /* epochs that are taken over; of jobs that may leave their end states    */
    uint64_t end_bytes;
    bool searches;                            /* some are trained only if a search needs them */
    double epochs, training, measures, bytes; /* seconds of one core */
};

/* What is measured up to where a job begins is there to be copied. */
static double seconds_of_measures(const struct sheet *s, size_t i, const struct timing *timing)
{
    const uint32_t family = s->plan.job[i].family;
    const double share = (double)sheet_epochs(s, i) / fmax(1, (double)plan_epochs(&s->plan, i));
    if (!s->donor[i].epoch) return timing->measure[family];
    return timing->once[family] + share * (timing->measure[family] - timing->once[family]);
}

static void add(struct totals *t, const struct sheet *s, size_t i, const struct timing *timing)
{
    const struct plan_job *job = &s->plan.job[i];
    bool held = s->state[i] == JOB_DONE;
    t->jobs++;
    t->held += held;
    t->bytes += (double)family_row_bytes(&s->plan.family[job->family]);
    if (held || s->state[i] == JOB_SKIPPED) return;
    t->searches |= plan_is_gated(job);
    t->train++;
    t->epochs += (double)sheet_epochs(s, i);
    t->measures += seconds_of_measures(s, i, timing);
    t->continued += s->donor[i].epoch > 0;
    t->again += s->donor[i].epoch > 0 && id_equal(s->donor[i].id, job->id);
    t->shared += (double)s->donor[i].epoch;
    if (!sheet_may_leave_end(s, i)) return;
    t->ends++;
    t->end_bytes += family_end_bytes(&s->plan.family[job->family]);
    t->end_epochs += (double)plan_epochs(&s->plan, i);
}

/* Seconds of one core for the epochs to train, from what was timed. */
static double time_training(struct sheet *s, const struct timing *timing)
{
    struct pace_group *group = ARENA_NEW(&s->arena, s->plan.shapes + 1, struct pace_group);
    for (size_t i = 0; i < s->plan.shapes && timing->shapes; i++)
        group[i] = (struct pace_group){ .epochs = 1, .seconds = timing->epoch[i] };
    for (size_t i = 0; i < s->plan.jobs; i++)
        if (sheet_is_to_train(s, i)) group[s->plan.job[i].shape].left += (double)sheet_epochs(s, i);
    return pace_of(group, s->plan.shapes).core_seconds;
}

/* Networks that have more to say than their tensors. */
static void print_networks(const struct sheet *s, struct buf *out)
{
    for (size_t i = 0; i < s->plan.shapes; i++) {
        const struct plan_shape *shape = &s->plan.shape[i];
        const struct model_kind *model = registry_model(shape->example.model->name);
        if (!model->describe) continue;
        buf_print(out, "\nnetwork %zu, on task %s:\n", i + 1, shape->example.task->name);
        model->describe(shape->example.model_config, &shape->task, (size_t)shape->example.training.batch.number, out);
    }
}

static const char *bytes_text(double bytes, char out[32])
{
    static const char *const unit[] = { "B", "kB", "MB", "GB", "TB", "PB" };
    size_t u = 0;
    for (; bytes >= 1000 && u + 1 < ARRAY_LEN(unit); u++) bytes /= 1000;
    text_brief(out, 32, u ? "%.1f %s" : "%.0f %s", bytes, unit[u]);
    return out;
}

static void print_room(const struct sheet *s, const struct room *room, struct buf *out)
{
    char bytes[32];
    struct stat st;
    if (s->store_exists && !stat(s->store, &st))
        buf_print(out, "; it takes %s", bytes_text((double)st.st_blocks * 512, bytes));
    buf_print(out, "; what is left to do will write %s", bytes_text((double)room->need, bytes));
    if (room->have != UINT64_MAX)
        buf_print(out, ", and %s %s", room->quota ? "the quota leaves" : "the disk has",
                  bytes_text((double)room->have, bytes));
    buf_text(out, "\n");
}

/* What goes on from shorter jobs now, and what could go on from these later. */
static void print_ends(const struct totals *all, struct buf *out)
{
    char bytes[32];
    if (all->continued)
        buf_print(out, "%zu of them go%s on from the end%s of shorter ones%s: %.0f epochs are not trained again\n",
                  all->continued, all->continued == 1 ? "es" : "", all->continued == 1 ? "" : "s",
                  all->again ? ", or where a stop rule has ended them" : "", all->shared);
    if (all->ends)
        buf_print(out,
                  "end states (checkpoint.end_state): at most %s, from which twice the length takes %.0f epochs, not "
                  "%.0f\n",
                  bytes_text((double)all->end_bytes, bytes), all->end_epochs, 2 * all->end_epochs);
}

static void print_text(struct sheet *s, const struct totals *all, const struct totals *by,
                       const struct timing *timing, const struct room *room, const struct forecast *forecast)
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
    char span[32], measures[32], again[640];
    char of_all[48] = "";
    const double seconds = all->training + all->measures;
    if (s->plan.jobs < s->plan.all_jobs) MUST(text_print(of_all, sizeof of_all, " of its %zu", s->plan.all_jobs));
    buf_print(&text, "sweep %s: %zu%s jobs in %zu wave%s, from %" PRIu64 " grid points\n\n",
              sweep_name(s->plan.sweep), s->plan.jobs, of_all, plan_waves(&s->plan),
              plan_waves(&s->plan) == 1 ? "" : "s", s->plan.points);
    text_table_print(&t, &text);
    buf_text(&text, "\n");
    points_grids(s, &text);
    buf_text(&text, "\nwhat is made from what:\n");
    lineage_print(s, &text);
    buf_print(&text, "\nto train: %s%zu jobs, %.0f epochs, ", all->searches ? "at most " : "", all->train,
              all->epochs);
    if ((timing->shapes && !isnan(seconds)) || all->train == 0)
        buf_print(&text,
                  "%s %s of one core (%.3g core-hours; of it %s for measures; timed here on %zu of %zu network "
                  "shapes)\n",
                  timing->more ? "more than" : "about", clock_span(seconds, span), seconds / 3600,
                  clock_span(all->measures, measures), timing->shapes, s->plan.shapes);
    else
        buf_text(&text, "not timed here: too large, or nothing is trained\n");
    likely_print(s, timing, &text);
    print_ends(all, &text);
    if (shortfall_text(s, again, sizeof again)[0]) buf_print(&text, "%s\n", again);
    if (s->begun.core_seconds > 0)
        buf_print(&text, "by the store's own times its jobs take one core about %s more\n",
                  clock_span(s->begun.core_seconds, span));
    if (s->to_measure)
        buf_print(&text, "to measure: %zu finished job%s, for run makes up from the checkpoints what they lack\n",
                  s->to_measure, s->to_measure == 1 ? "" : "s");
    lacks_print(&s->lacks, &text);
    forecast_print(forecast, s, &text);
    buf_print(&text, "store: %s, %s", s->store,
              s->read_only      ? "which exists"
              : s->store_exists ? "which exists and will be continued"
                                : "which will be made");
    print_room(s, room, &text);
    if (s->read_only)
        buf_print(&text,
                  "       it is %s, which is only read: `tombola merge %s -o NEW.h5` makes one that can be run\n",
                  s->read_only, text_shell(s->store));
    if (log_shows(LOG_JOB)) {
        buf_text(&text, "\n");
        points_jobs(s, &text);
        print_networks(s, &text);
    }
    output_text(text.bytes);
    buf_release(&text);
    text_table_release(&t);
}

static void print_json(struct sheet *s, const struct totals *all, const struct totals *by,
                       const struct timing *timing, const struct room *room, const struct forecast *forecast)
{
    struct buf b = { 0 };
    const char *const *names = registry_names(PLUGIN_CONTROL);
    json_open(&b, NULL, '{');
    json_count(&b, "schema", 1);
    JSON_TEXTS(&b, "sweep", sweep_name(s->plan.sweep), "store", s->store);
    JSON_COUNTS(&b, { "points", s->plan.points }, { "jobs", s->plan.jobs }, { "held", all->held },
                { "to_train", all->train }, { "waves", plan_waves(&s->plan) });
    json_real(&b, "epochs", all->epochs);
    json_real(&b, "core_seconds", all->training + all->measures);
    json_real(&b, "begun_core_seconds", s->begun.core_seconds);
    json_real(&b, "measure_seconds", all->measures);
    json_raw(&b, "at_least", timing->more ? "true" : "false");
    JSON_COUNTS(&b, { "shapes", s->plan.shapes }, { "shapes_timed", timing->shapes });
    json_real(&b, "bytes", all->bytes);
    json_open(&b, "controls", '{');
    for (size_t c = 0; names[c]; c++) {
        if (!by[c].jobs) continue;
        json_open(&b, names[c], '{');
        JSON_COUNTS(&b, { "jobs", by[c].jobs }, { "held", by[c].held }, { "to_train", by[c].train });
        json_close(&b, '}');
    }
    json_close(&b, '}');
    JSON_COUNTS(&b, { "all_jobs", s->plan.all_jobs }, { "bytes_to_write", room->need });
    if (room->have == UINT64_MAX)
        json_text(&b, "bytes_free", NULL);
    else
        json_count(&b, "bytes_free", room->have);
    json_open(&b, "to_retrain", '{');
    JSON_COUNTS(&b, { "jobs", s->shortfall.jobs }, { "evaluations", s->shortfall.evaluations },
                { "checkpoints", s->shortfall.checkpoints }, { "weights", s->shortfall.weights });
    json_real(&b, "core_seconds", s->shortfall.seconds);
    json_close(&b, '}');
    json_open(&b, "continued", '{');
    json_count(&b, "jobs", all->continued);
    json_real(&b, "epochs", all->shared);
    json_close(&b, '}');
    json_open(&b, "end_states", '{');
    JSON_COUNTS(&b, { "jobs", all->ends }, { "bytes", all->end_bytes });
    json_real(&b, "epochs", all->end_epochs);
    json_close(&b, '}');
    likely_json(s, timing, &b);
    json_count(&b, "to_measure", s->to_measure);
    json_count(&b, "bytes_a_rank", room_of_rank(s));
    forecast_json(forecast, s, &b);
    lacks_json(&s->lacks, &b);
    points_grids_json(s, &b);
    lineage_json(s, &b);
    buf_text(&b, "}\n");
    output_text(b.bytes);
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

/* What is no fault of the sweep file, and may be mended before it is run. */
static void warn_of_refusal(const struct sheet *s, const struct cli *c)
{
    struct err e = { 0 };
    char text[1024];
    if (s->read_only) return;
    if ((cli_value(c, "store") && room_for_files(s->store, &e)) || room_on_disk(s, 1, &e))
        log_warn("run would refuse this: %s", err_text(&e, text, sizeof text));
}

static int run_plan(const struct cli *c)
{
    struct sheet s;
    int code = sheet_open(&s, c);
    if (code) return code;
    struct totals all = { 0 }, by[32] = { { 0 } };
    struct timing timing;
    timing_take(&timing, &s);
    for (size_t i = 0; i < s.plan.jobs; i++) {
        add(&all, &s, i, &timing);
        add(&by[control_index(&s.plan.job[i])], &s, i, &timing);
    }
    all.training = time_training(&s, &timing);
    struct forecast forecast;
    forecast_take(&forecast, &s, &timing);
    const struct room room = room_of_disk(&s, 1);
    (cli_value(c, "json") ? print_json : print_text)(&s, &all, by, &timing, &room, &forecast);
    sheet_warn(&s);
    warn_of_refusal(&s, c);
    sheet_close(&s);
    return 0;
}

static const struct cli_option options[] = {
    { "store", "FILE", "the store (default: results/NAME.h5)" },
    { "only", "GRIDS", "the jobs of these grids (names between commas), and what they are made from" },
    { "where", "SQL",
      "the jobs for which that is so, as seed < 3 AND training.lr = 0.01, and what they are made from" },
    { "json", NULL, "one JSON value" },
    { .name = NULL },
};

const struct command command_plan = {
    .name = "plan",
    .args = "SWEEP.yaml [--store S]",
    .summary = "what would run: jobs, axes, epochs, core-hours, how many ranks, bytes",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .help =
        "Checks the whole file, and those that it includes, and writes nothing.  Jobs that the store holds are "
        "not trained again; if they were recorded with less than the file asks for, that is said.\n"
        "--verbose lists every job, with the keys in which they differ, and the operations of networks that are "
        "lists;\n"
        "--only and --where choose some.  Their "
        "names\n"
        "are those of the table jobs in `tombola query`, or of the sweep file: seed, control, t, k, training.lr.  "
        "What\n"
        "they are made from is never left out.\n"
        "The time is measured on this machine, by training each shape of network a little and trying each measure "
        "once.\n"
        "How long the sweep takes on 1, 2, 4, ... 1024 ranks is simulated: jobs are handed out as run does it, every "
        "rank\n"
        "trains, and a ticket begins when its parent has reached t.  When mem and gen come, and where stop\n"
        "rules end jobs, is taken from finished jobs of the store that are the same but for their seeds; otherwise\n"
        "it is the job's length.\n",
    .run = run_plan,
};
