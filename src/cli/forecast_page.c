#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "base/text_table.h"
#include "cli/forecast.h"

#include <string.h>

enum { SHOWN = 4 }; /* jobs of the critical path */

static void read_spec(const struct plan_job *job, struct job_spec *out)
{
    struct err e = { 0 };
    if (spec_parse(job->canonical, out, &e)) BUG("canonical text does not parse: %s", e.text);
}

static void print_step(const struct forecast_step *step, const struct sheet *s, bool first, struct buf *out)
{
    const struct plan_job *job = &s->plan.job[step->job];
    struct job_spec spec;
    char label[96];
    read_spec(job, &spec);
    spec_label(&spec, label, sizeof label);
    buf_print(out, "%s (", label);
    if (first) buf_print(out, "task %s, model %s, ", job->task, job->model);
    buf_print(out, "training %s)", job->training);
    if (step->t->text[0]) buf_print(out, " up to %s%s", moment_is_rule(step->t) ? "" : "t = ", step->t->text);
}

static void print_path(const struct forecast *f, const struct sheet *s, struct buf *out)
{
    for (size_t i = 0; i < f->steps; i++) {
        const bool left_out = f->steps > SHOWN && i >= SHOWN - 1 && i + 1 < f->steps;
        if (left_out && i > SHOWN - 1) continue;
        if (i) buf_text(out, i + 1 == f->steps && f->steps > SHOWN ? ", at last " : ", then ");
        if (left_out)
            buf_print(out, "%zu more", f->steps - SHOWN);
        else
            print_step(&f->path[i], s, i == 0, out);
    }
}

static void print_rows(const struct forecast *f, struct buf *out)
{
    struct text_table t = { .columns = 4 };
    char span[32];
    const char *const head[] = { "", "ranks", "time", "at work" };
    for (size_t i = 0; i < t.columns; i++) text_table_cell(&t, "%s", head[i]);
    for (size_t i = 0; i < f->rows; i++) {
        text_table_cell(&t, "%s", "");
        text_table_cell(&t, "%d", f->row[i].ranks);
        text_table_cell(&t, "%s", clock_span(f->row[i].seconds, span));
        text_table_cell(&t, "%.0f %%", 100 * forecast_efficiency(f, &f->row[i]));
    }
    text_table_print(&t, out);
    text_table_release(&t);
}

static void print_reading(const struct forecast *f, struct buf *out)
{
    if (f->enough)
        buf_print(out, "more than %d rank%s gain%s nothing; ", f->enough, f->enough == 1 ? "" : "s",
                  f->enough == 1 ? "s" : "");
    else
        buf_print(out, "more than %d ranks would gain more; ", FORECAST_RANKS);
    buf_print(out, "up to %d%s are at work at least half of the time\n", f->half,
              f->half == FORECAST_RANKS ? " and more" : "");
    if (f->known)
        buf_print(out, "mem or gen, for which %zu job%s, is taken from the store's jobs of the kind\n", f->known,
                  f->known == 1 ? " waits" : "s wait");
    if (f->unknown)
        buf_print(
            out,
            "mem or gen, for which %zu job%s, is taken to come as late as it can: no job of the kind has finished\n",
            f->unknown, f->unknown == 1 ? " waits" : "s wait");
    if (f->probes) buf_text(out, "every probe of a search is counted, although the search may end before it\n");
}

void forecast_print(const struct forecast *f, const struct sheet *s, struct buf *out)
{
    char span[32];
    if (!f->jobs) return;
    buf_text(out, "\nhow many ranks:\n");
    print_rows(f, out);
    buf_print(out, "the critical path takes %s: ", clock_span(f->critical, span));
    print_path(f, s, out);
    buf_text(out, "\n");
    print_reading(f, out);
    buf_text(out, "\n");
}

/* ---- as JSON ---- */

static void step_json(const struct forecast_step *step, const struct sheet *s, struct buf *out)
{
    const struct plan_job *job = &s->plan.job[step->job];
    struct job_spec spec;
    char id[ID_CHARS + 1];
    read_spec(job, &spec);
    json_open(out, NULL, '{');
    JSON_TEXTS(out, "job", id_text(job->id, id), "control", job->control, "task", job->task, "model", job->model,
               "training", job->training);
    json_count(out, "seed", spec.seed);
    json_text(out, "until", step->t->text[0] ? step->t->text : NULL);
    json_real(out, "seconds", step->seconds);
    json_close(out, '}');
}

void forecast_json(const struct forecast *f, const struct sheet *s, struct buf *out)
{
    if (!f->jobs) {
        json_text(out, "forecast", NULL);
        return;
    }
    json_open(out, "forecast", '{');
    json_real(out, "core_seconds", f->work);
    json_real(out, "critical_seconds", f->critical);
    json_open(out, "critical_path", '[');
    for (size_t i = 0; i < f->steps; i++) step_json(&f->path[i], s, out);
    json_close(out, ']');
    json_open(out, "ranks", '[');
    for (size_t i = 0; i < f->rows; i++) {
        json_open(out, NULL, '{');
        json_int(out, "ranks", f->row[i].ranks);
        json_real(out, "seconds", f->row[i].seconds);
        json_real(out, "efficiency", forecast_efficiency(f, &f->row[i]));
        json_close(out, '}');
    }
    json_close(out, ']');
    if (f->enough)
        json_int(out, "enough_ranks", f->enough);
    else
        json_text(out, "enough_ranks", NULL);
    json_int(out, "half_ranks", f->half);
    JSON_COUNTS(out, { "moments_known", f->known }, { "moments_unknown", f->unknown });
    json_close(out, '}');
}
