#include "base/text.h"
#include "cli/cli.h"
#include "cli/status.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- "key":value, each with the comma before it ---- */

static void put_text(struct buf *b, const char *key, const char *text)
{
    buf_print(b, ",\"%s\":", key);
    buf_json(b, text);
}

/* Of a row: NUL-padded. */
static void put_padded(struct buf *b, const char *key, const char *text, size_t size)
{
    char whole[sizeof((struct store_row *)0)->error + 1];
    MUST(text_copy(whole, sizeof whole, text, size));
    put_text(b, key, whole);
}
#define PUT_PADDED(b, key, member) put_padded(b, key, member, sizeof(member))

static void put_real(struct buf *b, const char *key, double value)
{
    buf_print(b, ",\"%s\":", key);
    buf_json_real(b, value);
}

static void put_size(struct buf *b, const char *key, size_t value)
{
    buf_print(b, ",\"%s\":%zu", key, value);
}

/* Missing whole numbers are negative. */
static void put_int(struct buf *b, const char *key, int64_t value)
{
    if (value >= 0)
        buf_print(b, ",\"%s\":%" PRId64, key, value);
    else
        buf_print(b, ",\"%s\":null", key);
}

static void put_tally(struct buf *b, const struct tally *t)
{
    for (enum job_state state = JOB_PENDING; state < JOB_STATES; state++)
        put_size(b, job_state_name[state], t->state[state]);
    put_size(b, "again", t->again);
    put_real(b, "epochs_done", t->epochs_done);
    put_real(b, "epochs_left", t->epochs_left);
}

/* ,"keys":{...}: those that differ between settings, by their full names. */
static void put_key(struct buf *b, const struct column *key, const char *of, const void *value, const char **comma)
{
    struct buf text = { 0 };
    setting_print(&text, key, value);
    buf_print(b, "%s\"%s%s\":", *comma, of, key->name);
    if (!text.length)
        buf_text(b, "null");
    else if (key->type == COLUMN_TEXT || key->type == COLUMN_ENUM || !isfinite(strtod(text.bytes, NULL)))
        buf_json(b, text.bytes);
    else
        buf_text(b, text.bytes);
    *comma = ",";
    buf_release(&text);
}

static void put_keys(struct buf *b, const struct settings *s, size_t setting)
{
    const char *comma = "";
    buf_text(b, ",\"keys\":{");
    for (size_t i = 0; i < s->keys; i++)
        if (s->differs[i]) put_key(b, &s->key[i], "", setting_value(s, setting, i), &comma);
    for (size_t i = 0; i < s->keys; i++)
        if (s->ancestor_differs[i]) put_key(b, &s->key[i], "parent_", setting_ancestor_value(s, setting, i), &comma);
    buf_text(b, "}");
}

static void put_setting(struct buf *b, const struct settings *s, size_t setting)
{
    if (setting == SIZE_MAX) return;
    buf_print(b, ",\"setting\":\"%s\"", s->setting[setting].name);
    put_keys(b, s, setting);
}

/* What every list of jobs begins with, the brace included. */
static void put_job(struct buf *b, const struct status *s, const struct store_row *r)
{
    buf_print(b, "{\"id\":\"%.*s\"", ID_CHARS, r->id);
    PUT_PADDED(b, "control", r->control);
    PUT_PADDED(b, "task", r->task);
    PUT_PADDED(b, "model", r->model);
    PUT_PADDED(b, "training", r->training);
    buf_print(b, ",\"seed\":%" PRId64, r->seed);
    PUT_PADDED(b, "t", r->t_asked);
    put_real(b, "k", r->k);
    put_setting(b, &s->results, s->results.of[r - s->row]);
}

static void put_running(struct buf *b, const struct status *s)
{
    const char *comma = "";
    buf_text(b, ",\"now\":[");
    for (size_t i = 0; i < s->rows; i++) {
        const struct store_row *r = &s->row[i];
        const bool known = r->epochs_done > 0;
        if (r->state != JOB_RUNNING) continue;
        buf_text(b, comma);
        put_job(b, s, r);
        put_int(b, "epoch", r->epochs_done);
        put_int(b, "epochs", r->epochs);
        put_real(b, "train_loss", known ? r->train_loss : (double)NAN);
        put_real(b, "train_accuracy", known ? r->train_accuracy : (double)NAN);
        put_real(b, "test_loss", known ? r->test_loss : (double)NAN);
        put_real(b, "test_accuracy", known ? r->test_accuracy : (double)NAN);
        put_int(b, "t_mem", r->t_mem);
        put_int(b, "t_gen", r->t_gen);
        PUT_PADDED(b, "host", r->host);
        put_int(b, "rank", r->rank);
        put_int(b, "attempts", r->attempts);
        put_real(b, "seconds", r->seconds);
        put_real(b, "started", r->started);
        put_real(b, "updated", r->updated);
        buf_text(b, "}");
        comma = ",";
    }
    buf_text(b, "]");
}

static void put_failures(struct buf *b, const struct status *s)
{
    const char *comma = "";
    buf_text(b, ",\"failures\":[");
    for (size_t i = 0; i < s->rows; i++) {
        const struct store_row *r = &s->row[i];
        if (r->state != JOB_FAILED && r->state != JOB_BLOCKED) continue;
        buf_text(b, comma);
        put_job(b, s, r);
        put_text(b, "state", job_state_name[r->state]);
        PUT_PADDED(b, "why", r->error);
        buf_text(b, "}");
        comma = ",";
    }
    buf_text(b, "]");
}

static void put_shares(struct buf *b, const struct status *s)
{
    buf_text(b, ",\"grids\":[");
    for (size_t i = 0; i < s->shares; i++) {
        const struct status_share *share = &s->share[i];
        buf_print(b, "%s{\"jobs\":%zu", i ? "," : "", share->tally.jobs);
        put_text(b, "sweep", share->sweep);
        put_text(b, "grid", share->grid);
        PUT_PADDED(b, "control", share->first->control);
        put_tally(b, &share->tally);
        buf_text(b, "}");
    }
    buf_text(b, "]");
}

/* A number, "never", or null: there is none. */
static void put_median(struct buf *b, const char *key, double value)
{
    if (isinf(value))
        put_text(b, key, "never");
    else
        put_real(b, key, value);
}

static void put_results(struct buf *b, const struct status *s)
{
    buf_text(b, ",\"results\":[");
    for (size_t i = 0; i < s->results.settings; i++) {
        const struct setting *g = &s->results.setting[i];
        buf_print(b, "%s{\"jobs\":%zu", i ? "," : "", g->jobs);
        PUT_PADDED(b, "control", g->first.control);
        PUT_PADDED(b, "task", g->first.task);
        PUT_PADDED(b, "model", g->first.model);
        PUT_PADDED(b, "training", g->first.training);
        PUT_PADDED(b, "t", g->first.t_asked);
        put_real(b, "k", g->first.k);
        put_setting(b, &s->results, i);
        put_size(b, "done", g->done);
        put_size(b, "memorised", g->memorised);
        put_size(b, "generalised", g->generalised);
        put_size(b, "ratios", g->ratios);
        put_median(b, "t_mem", g->t_mem);
        put_median(b, "t_gen", g->t_gen);
        put_median(b, "tau_grok", g->tau_grok);
        put_real(b, "test_accuracy", g->test_accuracy);
        put_real(b, "test_loss", g->test_loss);
        buf_text(b, "}");
    }
    buf_text(b, "]");
}

static void put_run(struct buf *b, const struct status *s)
{
    if (!s->at_work) {
        buf_text(b, ",\"run\":null");
        return;
    }
    buf_text(b, ",\"run\":{\"pid\":");
    buf_json(b, s->run.pid);
    put_text(b, "host", s->run.host);
    put_text(b, "slurm_job", s->run.slurm);
    put_text(b, "since", s->run.since);
    put_real(b, "silent_seconds", s->run.silence);
    buf_text(b, "}");
}

void status_json(const struct status *s, struct buf *out)
{
    buf_text(out, "{\"schema\":1");
    put_text(out, "store", s->path);
    put_text(out, "archive", s->archive);
    put_real(out, "time", s->now);
    put_size(out, "jobs", s->rows);
    put_size(out, "unreadable", s->bad);
    put_tally(out, &s->all);
    put_real(out, "epochs_per_second", s->rate);
    put_real(out, "seconds_left", s->seconds_left);
    put_run(out, s);
    put_shares(out, s);
    put_running(out, s);
    put_failures(out, s);
    put_results(out, s);
    status_json_missing(s, out);
    buf_text(out, "}\n");
}
