#include "base/json.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/status.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a row: NUL-padded. */
static void put_padded(struct buf *b, const char *key, const char *text, size_t size)
{
    char whole[sizeof((struct store_row *)0)->error + 1];
    MUST(text_copy(whole, sizeof whole, text, size));
    json_text(b, key, whole);
}
#define PUT_PADDED(b, key, member) put_padded(b, key, member, sizeof(member))

/* Missing whole numbers are negative. */
static void put_int(struct buf *b, const char *key, int64_t value)
{
    if (value >= 0)
        json_int(b, key, value);
    else
        json_text(b, key, NULL);
}

static void put_tally(struct buf *b, const struct tally *t)
{
    for (enum job_state state = JOB_PENDING; state < JOB_STATES; state++)
        json_count(b, job_state_name[state], t->state[state]);
    json_count(b, "again", t->again);
    json_real(b, "epochs_done", t->epochs_done);
    json_real(b, "epochs_left", t->epochs_left);
}

static void put_key(struct buf *b, const struct column *key, const char *of, const void *value)
{
    struct buf text = { 0 }, name = { 0 };
    buf_print(&name, "%s%s", of, key->name);
    setting_print(&text, key, value);
    const bool is_text = key->type == COLUMN_TEXT || key->type == COLUMN_ENUM;
    if (!text.length || is_text || !isfinite(strtod(text.bytes, NULL)))
        json_text(b, name.bytes, text.length ? text.bytes : NULL);
    else
        json_raw(b, name.bytes, text.bytes);
    buf_release(&name);
    buf_release(&text);
}

/* "keys":{...}: those that differ between settings, by their full names. */
static void put_keys(struct buf *b, const struct settings *s, size_t setting)
{
    json_open(b, "keys", '{');
    for (size_t i = 0; i < s->keys; i++)
        if (s->differs[i]) put_key(b, &s->key[i], "", setting_value(s, setting, i));
    for (size_t i = 0; i < s->keys; i++)
        if (s->ancestor_differs[i]) put_key(b, &s->key[i], "parent_", setting_ancestor_value(s, setting, i));
    json_close(b, '}');
}

static void put_setting(struct buf *b, const struct settings *s, size_t setting)
{
    if (setting == SIZE_MAX) return;
    json_text(b, "setting", s->setting[setting].name);
    put_keys(b, s, setting);
}

static void put_names(struct buf *b, const struct store_row *r)
{
    PUT_PADDED(b, "control", r->control);
    PUT_PADDED(b, "task", r->task);
    PUT_PADDED(b, "model", r->model);
    PUT_PADDED(b, "training", r->training);
}

/* What every list of jobs begins with, the brace included. */
static void put_job(struct buf *b, const struct status *s, const struct store_row *r)
{
    json_open(b, NULL, '{');
    PUT_PADDED(b, "id", r->id);
    put_names(b, r);
    json_int(b, "seed", r->seed);
    PUT_PADDED(b, "t", r->t_asked);
    json_real(b, "k", r->k);
    put_setting(b, &s->results, s->results.of[r - s->row]);
}

static void put_running(struct buf *b, const struct status *s)
{
    json_open(b, "now", '[');
    for (size_t i = 0; i < s->rows; i++) {
        const struct store_row *r = &s->row[i];
        const bool known = r->epochs_done > 0;
        if (r->state != JOB_RUNNING) continue;
        put_job(b, s, r);
        put_int(b, "epoch", r->epochs_done);
        put_int(b, "epochs", r->epochs);
        json_text(b, "unit", store_unit(r->length_unit));
        json_real(b, "train_loss", known ? r->train_loss : (double)NAN);
        json_real(b, "train_accuracy", known ? r->train_accuracy : (double)NAN);
        json_real(b, "test_loss", known ? r->test_loss : (double)NAN);
        json_real(b, "test_accuracy", known ? r->test_accuracy : (double)NAN);
        put_int(b, "t_mem", r->t_mem);
        put_int(b, "t_gen", r->t_gen);
        PUT_PADDED(b, "host", r->host);
        put_int(b, "rank", r->rank);
        put_int(b, "attempts", r->attempts);
        json_real(b, "seconds", r->seconds);
        json_real(b, "started", r->started);
        json_real(b, "updated", r->updated);
        json_close(b, '}');
    }
    json_close(b, ']');
}

static void put_failures(struct buf *b, const struct status *s)
{
    json_open(b, "failures", '[');
    for (size_t i = 0; i < s->rows; i++) {
        const struct store_row *r = &s->row[i];
        if (r->state != JOB_FAILED && r->state != JOB_BLOCKED) continue;
        put_job(b, s, r);
        json_text(b, "state", job_state_name[r->state]);
        PUT_PADDED(b, "why", r->error);
        json_close(b, '}');
    }
    json_close(b, ']');
}

static void put_shares(struct buf *b, const struct status *s)
{
    json_open(b, "grids", '[');
    for (size_t i = 0; i < s->shares; i++) {
        const struct status_share *share = &s->share[i];
        json_open(b, NULL, '{');
        json_count(b, "jobs", share->tally.jobs);
        JSON_TEXTS(b, "sweep", share->sweep, "grid", share->grid);
        PUT_PADDED(b, "control", share->first->control);
        put_tally(b, &share->tally);
        json_close(b, '}');
    }
    json_close(b, ']');
}

/* A number, "never", or null: there is none, or it is not known but for KEY_above. */
static void put_median(struct buf *b, const char *key, double value, double above)
{
    char name[32];
    MUST(text_print(name, sizeof name, "%s_above", key));
    if (!isnan(above)) json_real(b, name, above);
    if (isinf(value))
        json_text(b, key, "never");
    else
        json_real(b, key, value);
}

static void put_results(struct buf *b, const struct status *s)
{
    json_open(b, "results", '[');
    for (size_t i = 0; i < s->results.settings; i++) {
        const struct setting *g = &s->results.setting[i];
        json_open(b, NULL, '{');
        json_count(b, "jobs", g->jobs);
        put_names(b, &g->first);
        PUT_PADDED(b, "t", g->first.t_asked);
        json_real(b, "k", g->first.k);
        put_setting(b, &s->results, i);
        JSON_COUNTS(b, { "done", g->done }, { "memorised", g->memorised }, { "generalised", g->generalised },
                    { "ratios", g->ratios }, { "mem_unknown", g->unknown[SETTING_MEM] },
                    { "gen_unknown", g->unknown[SETTING_GEN] });
        put_median(b, "t_mem", g->t_mem, g->above[SETTING_MEM]);
        put_median(b, "t_gen", g->t_gen, g->above[SETTING_GEN]);
        put_median(b, "tau_grok", g->tau_grok, g->above[SETTING_TAU]);
        json_real(b, "test_accuracy", g->test_accuracy);
        json_real(b, "test_loss", g->test_loss);
        json_close(b, '}');
    }
    json_close(b, ']');
}

static void put_run(struct buf *b, const struct status *s)
{
    if (!s->at_work) {
        json_text(b, "run", NULL);
        return;
    }
    json_open(b, "run", '{');
    JSON_TEXTS(b, "pid", s->run.pid, "host", s->run.host, "slurm_job", s->run.slurm, "since", s->run.since);
    json_real(b, "silent_seconds", s->run.silence);
    json_close(b, '}');
}

void status_json(const struct status *s, struct buf *out)
{
    json_open(out, NULL, '{');
    json_count(out, "schema", 1);
    JSON_TEXTS(out, "store", s->path, "archive", s->archive);
    json_real(out, "time", s->now);
    JSON_COUNTS(out, { "jobs", s->rows }, { "unreadable", s->bad });
    put_tally(out, &s->all);
    json_real(out, "epochs_per_second", s->rate);
    json_real(out, "seconds_left", s->seconds_left);
    put_run(out, s);
    put_shares(out, s);
    put_running(out, s);
    put_failures(out, s);
    put_results(out, s);
    status_json_missing(s, out);
    buf_text(out, "}\n");
}
