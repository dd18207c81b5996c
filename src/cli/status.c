#include "base/clock.h"
#include "base/text_table.h"
#include "cli/cli.h"
#include "store/store.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct summary {
    struct store_row *row;
    int64_t *round, *rewind; /* [rows]: the spec columns of these names, 0 where a store has none */
    size_t rows, bad, by_state[JOB_STATES];
    size_t unneeded;                          /* blocked, because a search has ended; not counted in by_state */
    double epochs_left, epochs_done, seconds; /* seconds: rank time of the epochs done */
};

static bool is_unneeded(const struct store_row *r)
{
    return r->state == JOB_BLOCKED && cli_not_needed(r->error);
}

static int read_rows(struct summary *s, struct store *store, struct err *e)
{
    s->row = calloc(s->rows + 1, sizeof *s->row);
    s->round = calloc(2 * s->rows + 1, sizeof *s->round);
    if (!s->row || !s->round) die("out of memory for %zu rows", s->rows);
    s->rewind = s->round + s->rows;
    const struct store_pick pick[] = { { "round", s->round }, { "rewind", s->rewind }, { NULL, NULL } };
    return store_read_rows(store, s->row, pick, &s->bad, e);
}

static void free_summary(struct summary *s)
{
    free(s->row);
    free(s->round);
}

static int read_summary(struct summary *s, const char *path, struct err *e)
{
    struct store *store;
    memset(s, 0, sizeof *s);
    if (store_open_read(&store, path, e)) return -1;
    s->rows = store_rows(store);
    int rc = read_rows(s, store, e);
    store_close(store);
    for (size_t i = 0; !rc && i < s->rows; i++) {
        const struct store_row *r = &s->row[i];
        ++*(is_unneeded(r) ? &s->unneeded : &s->by_state[r->state]);
        s->epochs_done += (double)r->epochs_done;
        s->seconds += r->seconds;
        if (r->state == JOB_PENDING || r->state == JOB_RUNNING)
            s->epochs_left += (double)(r->epochs - r->epochs_done);
    }
    return rc;
}

/* Epochs per second of one rank so far, times the ranks at work now; NaN before anything is known. */
static double rate_of(const struct summary *s)
{
    double running = (double)s->by_state[JOB_RUNNING];
    return s->seconds > 0 && running > 0 ? s->epochs_done / s->seconds * running : (double)NAN;
}

static void print_counts(struct buf *b, const struct summary *s)
{
    char span[32];
    buf_print(b, "%zu jobs:", s->rows);
    for (enum job_state state = JOB_PENDING; state < JOB_STATES; state++)
        buf_print(b, "%s %zu %s", state == JOB_PENDING ? "" : ",", s->by_state[state], job_state_name[state]);
    if (s->unneeded) buf_print(b, ", %zu not needed", s->unneeded);
    if (s->bad) buf_print(b, ", %zu unreadable (run `tombola verify`)", s->bad);
    buf_print(b, "\nepochs: %.0f done, %.0f to go", s->epochs_done, s->epochs_left);
    double rate = rate_of(s);
    if (!isnan(rate)) buf_print(b, "; %.0f a second, about %s left", rate, clock_span(s->epochs_left / rate, span));
    buf_text(b, "\n");
}

/* ---- results by control ---- */

struct group {
    const struct store_row *first;
    size_t at; /* of first */
    size_t jobs, done, generalised, memorised;
    double t_mem, t_gen, tau, tau_count;
};

static bool same_group(const struct summary *s, size_t i, size_t j)
{
    const struct store_row *a = &s->row[i], *b = &s->row[j];
    if (s->round[i] != s->round[j] || s->rewind[i] != s->rewind[j]) return false;
    bool same_k = a->k == b->k || (isnan(a->k) && isnan(b->k));
    return same_k && !memcmp(a->control, b->control, sizeof a->control) &&
           !memcmp(a->task, b->task, sizeof a->task) && !memcmp(a->model, b->model, sizeof a->model) &&
           !memcmp(a->training, b->training, sizeof a->training) &&
           !memcmp(a->t_asked, b->t_asked, sizeof a->t_asked);
}

static void add_to_group(struct group *g, const struct store_row *r)
{
    g->jobs++;
    if (r->state != JOB_DONE) return;
    g->done++;
    if (r->t_mem >= 0) {
        g->memorised++;
        g->t_mem += (double)r->t_mem;
    }
    if (r->t_gen >= 0) {
        g->generalised++;
        g->t_gen += (double)r->t_gen;
    }
    if (!isnan(r->tau_grok)) {
        g->tau += r->tau_grok;
        g->tau_count++;
    }
}

enum { GROUPS = 64 };

static size_t group_rows(const struct summary *s, struct group *group)
{
    size_t groups = 0;
    for (size_t i = 0; i < s->rows; i++) {
        if (s->row[i].state == JOB_UNUSED) continue;
        size_t g = 0;
        while (g < groups && !same_group(s, group[g].at, i)) g++;
        if (g == GROUPS) continue; /* a larger sweep is for `query`, which the caller says */
        if (g == groups) group[groups++] = (struct group){ .first = &s->row[i], .at = i };
        add_to_group(&group[g], &s->row[i]);
    }
    return groups;
}

static void mean_cell(struct text_table *t, double sum, double count)
{
    text_table_real(t, count > 0 ? sum / count : (double)NAN, 4);
}

static void control_cell(struct text_table *t, const struct summary *s, const struct group *g)
{
    char round[32] = "", rewind[32] = "";
    if (s->round[g->at] > 1) snprintf(round, sizeof round, ", round %" PRId64, s->round[g->at]);
    if (s->rewind[g->at] > 0) snprintf(rewind, sizeof rewind, ", rewind %" PRId64, s->rewind[g->at]);
    text_table_cell(t, "%.*s%s%s", (int)sizeof g->first->control, g->first->control, round, rewind);
}

static void print_groups(struct buf *b, const struct summary *s)
{
    static const char *const head[] = { "task", "model",       "training", "control", "t",       "k",
                                        "done", "generalised", "t_mem",    "t_gen",   "tau_grok" };
    struct group group[GROUPS];
    size_t groups = group_rows(s, group);
    struct text_table t = { .columns = ARRAY_LEN(head), .left = { true, true, true, true } };
    for (size_t i = 0; i < t.columns; i++) text_table_cell(&t, "%s", head[i]);
    for (size_t i = 0; i < groups; i++) {
        const struct group *g = &group[i];
        text_table_cell(&t, "%.*s", (int)sizeof g->first->task, g->first->task);
        text_table_cell(&t, "%.*s", (int)sizeof g->first->model, g->first->model);
        text_table_cell(&t, "%.*s", (int)sizeof g->first->training, g->first->training);
        control_cell(&t, s, g);
        text_table_cell(&t, "%.*s", (int)sizeof g->first->t_asked, g->first->t_asked[0] ? g->first->t_asked : "-");
        text_table_real(&t, g->first->k, 6);
        text_table_cell(&t, "%zu/%zu", g->done, g->jobs);
        text_table_cell(&t, "%zu", g->generalised);
        mean_cell(&t, g->t_mem, (double)g->memorised);
        mean_cell(&t, g->t_gen, (double)g->generalised);
        mean_cell(&t, g->tau, g->tau_count);
    }
    buf_text(b, "\nmeans over the seeds that reached it:\n");
    text_table_print(&t, b);
    if (groups == GROUPS) buf_text(b, "only the first 64 groups; `tombola query` shows all\n");
    text_table_release(&t);
}

/* ---- what runs, what failed ---- */

enum { LISTED = 20 };

static void print_listed(struct buf *b, const struct summary *s, enum job_state state)
{
    size_t shown = 0;
    for (size_t i = 0; i < s->rows && shown < LISTED; i++) {
        const struct store_row *r = &s->row[i];
        if (r->state != state || is_unneeded(r)) continue;
        if (shown++ == 0) buf_print(b, "\n%s:\n", job_state_name[state]);
        buf_print(b, "  %.8s  %.*s seed %" PRId64 "  ", r->id, (int)sizeof r->control, r->control, r->seed);
        if (state == JOB_RUNNING)
            buf_print(b, "epoch %" PRId64 " of %" PRId64 " on %.*s, rank %" PRId64 "\n", r->epochs_done, r->epochs,
                      (int)sizeof r->host, r->host, r->rank);
        else
            buf_print(b, "%.*s\n", (int)sizeof r->error, r->error);
    }
    if (s->by_state[state] > shown) buf_print(b, "  and %zu more\n", s->by_state[state] - shown);
}

static bool same_search(const struct store_row *a, const struct store_row *b)
{
    return a->seed == b->seed && !memcmp(a->control, b->control, sizeof a->control) &&
           !memcmp(a->task, b->task, sizeof a->task) && !memcmp(a->model, b->model, sizeof a->model) &&
           !memcmp(a->training, b->training, sizeof a->training) &&
           !memcmp(a->t_asked, b->t_asked, sizeof a->t_asked) && !memcmp(a->error, b->error, sizeof a->error);
}

/* Where each search has ended, which is its answer: one of its superfluous jobs stands for it. */
static size_t list_searches(const struct summary *s, const struct store_row *found[LISTED])
{
    size_t count = 0;
    for (size_t i = 0; i < s->rows && count < LISTED; i++) {
        bool known = !is_unneeded(&s->row[i]);
        for (size_t j = 0; j < count && !known; j++) known = same_search(found[j], &s->row[i]);
        if (!known) found[count++] = &s->row[i];
    }
    return count;
}

static void print_searches(struct buf *b, const struct summary *s)
{
    const struct store_row *found[LISTED];
    const size_t count = list_searches(s, found);
    if (count) buf_text(b, "\nsearches that have ended:\n");
    for (size_t i = 0; i < count; i++)
        buf_print(b, "  %.*s seed %" PRId64 "  %.*s\n", (int)sizeof found[i]->control, found[i]->control,
                  found[i]->seed, (int)(sizeof found[i]->error - strlen(NOT_NEEDED)),
                  found[i]->error + strlen(NOT_NEEDED));
    if (count == LISTED) buf_print(b, "  only the first %d; `tombola query` shows all\n", LISTED);
}

static void print_text(const struct summary *s, const char *path)
{
    struct buf b = { 0 };
    buf_print(&b, "%s\n", path);
    print_counts(&b, s);
    print_listed(&b, s, JOB_RUNNING);
    print_listed(&b, s, JOB_FAILED);
    print_listed(&b, s, JOB_BLOCKED);
    print_searches(&b, s);
    print_groups(&b, s);
    fputs(b.bytes, stdout);
    fflush(stdout);
    buf_release(&b);
}

static void print_json(const struct summary *s, const char *path)
{
    struct buf b = { 0 };
    buf_text(&b, "{\"schema\":1,\"store\":");
    buf_json(&b, path);
    buf_print(&b, ",\"jobs\":%zu,\"unreadable\":%zu", s->rows, s->bad);
    for (enum job_state state = JOB_PENDING; state < JOB_STATES; state++)
        buf_print(&b, ",\"%s\":%zu", job_state_name[state], s->by_state[state]);
    buf_print(&b, ",\"not_needed\":%zu", s->unneeded);
    buf_print(&b, ",\"epochs_done\":%.0f,\"epochs_left\":%.0f,\"epochs_per_second\":", s->epochs_done,
              s->epochs_left);
    buf_json_real(&b, rate_of(s));
    buf_text(&b, ",\"seconds_left\":");
    buf_json_real(&b, s->epochs_left / rate_of(s));
    buf_text(&b, ",\"failures\":[");
    const char *comma = "";
    for (size_t i = 0; i < s->rows; i++) {
        const struct store_row *r = &s->row[i];
        if ((r->state != JOB_FAILED && r->state != JOB_BLOCKED) || is_unneeded(r)) continue;
        char id[ID_CHARS + 1], why[sizeof r->error + 1];
        snprintf(id, sizeof id, "%.*s", ID_CHARS, r->id);
        snprintf(why, sizeof why, "%.*s", (int)sizeof r->error, r->error);
        buf_print(&b, "%s{\"id\":\"%s\",\"state\":\"%s\",\"why\":", comma, id, job_state_name[r->state]);
        buf_json(&b, why);
        buf_text(&b, "}");
        comma = ",";
    }
    buf_text(&b, "]}\n");
    fputs(b.bytes, stdout);
    fflush(stdout);
    buf_release(&b);
}

static int run_status(const struct cli *c)
{
    const bool watch = cli_value(c, "watch") != NULL;
    for (;;) {
        struct summary s;
        struct err e = { 0 };
        if (read_summary(&s, c->arg[0], &e)) {
            free_summary(&s);
            return cli_fail(&e);
        }
        (cli_value(c, "json") ? print_json : print_text)(&s, c->arg[0]);
        bool over = !watch || s.by_state[JOB_PENDING] + s.by_state[JOB_RUNNING] == 0;
        free_summary(&s);
        if (over) return 0;
        clock_sleep(2);
    }
}

static const struct cli_option options[] = {
    { "watch", NULL, "again every two seconds, until nothing is left to do" },
    { "json", NULL, "one JSON value (with --watch: a line each time)" },
    { .name = NULL },
};

const struct command command_status = {
    .name = "status",
    .args = "STORE",
    .summary = "counts, rate, time left, running jobs, failures, results",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .help = "Works at any time, also while a run is writing.\n",
    .run = run_status,
};
