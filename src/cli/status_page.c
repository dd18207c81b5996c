#include "base/clock.h"
#include "base/text.h"
#include "base/text_table.h"
#include "cli/cli.h"
#include "cli/status.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LISTED = 20, GROUPS = 64 };

#define TEXT(member) (int)sizeof(member), (member)

/* ---- the whole ---- */

static void print_run(struct buf *b, const struct status *s)
{
    char ago[32];
    if (s->archive[0])
        buf_print(b, "an archive, made %s\n", s->archive);
    else if (s->at_work)
        buf_print(b, "run: pid %s on host %s%s%s since %s, last sign of life %s ago\n", s->run.pid, s->run.host,
                  s->run.slurm[0] ? ", Slurm job " : "", s->run.slurm, s->run.since, clock_span(s->run.silence, ago));
    else if (s->all.state[JOB_PENDING] + s->all.state[JOB_RUNNING])
        buf_text(b, "no run is at work; the next one goes on with what is pending or was running\n");
}

static void print_rate(struct buf *b, const struct status *s)
{
    char span[32];
    if (!isnan(s->rate)) buf_print(b, s->rate < 10 ? "; %.1f a second" : "; %.0f a second", s->rate);
    if (!isnan(s->seconds_left) && s->seconds_left > 0)
        buf_print(b, ", about %s left", clock_span(s->seconds_left, span));
}

static void print_counts(struct buf *b, const struct status *s)
{
    buf_print(b, "%zu jobs:", s->rows);
    for (enum job_state state = JOB_PENDING; state < JOB_STATES; state++)
        buf_print(b, "%s %zu %s", state == JOB_PENDING ? "" : ",", s->all.state[state], job_state_name[state]);
    if (s->all.again) buf_print(b, ", %zu of the done to be trained again", s->all.again);
    if (s->bad) buf_print(b, ", %zu unreadable (run `tombola verify`)", s->bad);
    buf_print(b, "\nepochs: %.0f done, %.0f to go", s->all.epochs_done, s->all.epochs_left);
    print_rate(b, s);
    buf_text(b, "\n");
    print_run(b, s);
}

void status_line(const struct status *s, struct buf *out)
{
    const struct tally *t = &s->all;
    char now[32];
    buf_print(out, "%s  %zu/%zu jobs done, %zu running", clock_iso(s->now, now), t->state[JOB_DONE], t->jobs,
              t->state[JOB_RUNNING]);
    if (t->state[JOB_FAILED]) buf_print(out, ", %zu failed", t->state[JOB_FAILED]);
    if (t->state[JOB_BLOCKED]) buf_print(out, ", %zu blocked", t->state[JOB_BLOCKED]);
    if (t->state[JOB_SKIPPED]) buf_print(out, ", %zu skipped", t->state[JOB_SKIPPED]);
    if (t->again) buf_print(out, ", %zu of the done to be trained again", t->again);
    buf_print(out, "; epochs: %.0f done, %.0f to go", t->epochs_done, t->epochs_left);
    print_rate(out, s);
    if (!s->at_work && !s->archive[0] && t->state[JOB_PENDING] + t->state[JOB_RUNNING])
        buf_text(out, "; no run is at work");
}

/* ---- progress ---- */

/* Percent of the epochs, or of the jobs if there are no epochs to train. */
static double share_of(const struct tally *n)
{
    const double epochs = n->epochs_done + n->epochs_left;
    const double settled = (double)(n->state[JOB_DONE] + n->state[JOB_SKIPPED]);
    return floor(100 * (epochs > 0 ? n->epochs_done / epochs : settled / fmax(1, (double)n->jobs)));
}

static void print_shares(struct buf *b, const struct status *s)
{
    static const char *const head[] = { "sweep",   "grid",   "control", "done",    "running",
                                        "pending", "failed", "blocked", "skipped", "epochs" };
    struct text_table t = { .columns = ARRAY_LEN(head), .left = { true, true, true } };
    for (size_t i = 0; i < t.columns; i++) text_table_cell(&t, "%s", head[i]);
    for (size_t i = 0; i < s->shares && i < GROUPS; i++) {
        const struct status_share *share = &s->share[i];
        const struct tally *n = &share->tally;
        text_table_cell(&t, "%s", share->sweep);
        text_table_cell(&t, "%s", share->grid);
        text_table_cell(&t, "%.*s", TEXT(share->first->control));
        text_table_cell(&t, "%zu/%zu", n->state[JOB_DONE], n->jobs);
        text_table_cell(&t, "%zu", n->state[JOB_RUNNING]);
        text_table_cell(&t, "%zu", n->state[JOB_PENDING]);
        text_table_cell(&t, "%zu", n->state[JOB_FAILED]);
        text_table_cell(&t, "%zu", n->state[JOB_BLOCKED]);
        text_table_cell(&t, "%zu", n->state[JOB_SKIPPED]);
        text_table_cell(&t, "%.0f %%", share_of(n));
    }
    buf_text(b, "\n");
    if (s->columns) text_table_fit(&t, s->columns, 1);
    text_table_print(&t, b);
    if (s->shares > GROUPS) buf_print(b, "only the first %d of %zu; --json has all\n", GROUPS, s->shares);
    text_table_release(&t);
}

/* ---- what runs ---- */

static void print_job(struct buf *b, const struct status *s, const struct store_row *r)
{
    const size_t setting = s->results.of[r - s->row];
    buf_print(b, "  %.8s  %.*s", r->id, TEXT(r->control));
    if (r->t_asked[0]) buf_print(b, " t %.*s", TEXT(r->t_asked));
    if (!isnan(r->k)) buf_print(b, " k %g", r->k);
    if (setting != SIZE_MAX) status_say_names(b, &s->results, setting);
    if (setting != SIZE_MAX) status_say_keys(b, &s->results, setting);
    buf_print(b, " seed %" PRId64, r->seed);
}

/* A job's row is written every few seconds. */
static void print_running(struct buf *b, const struct status *s)
{
    size_t shown = 0;
    char ago[32];
    if (s->all.state[JOB_RUNNING])
        buf_text(b, s->at_work ? "\nrunning, as of some seconds ago:\n" : "\nrunning when their run was killed:\n");
    for (size_t i = 0; i < s->rows && shown < LISTED; i++) {
        const struct store_row *r = &s->row[i];
        if (r->state != JOB_RUNNING) continue;
        shown++;
        print_job(b, s, r);
        buf_print(b, "  %s %" PRId64 " of %" PRId64, store_unit(r->length_unit), r->epochs_done, r->epochs);
        if (r->epochs_done > 0 && !isnan(r->train_accuracy))
            buf_print(b, ", accuracy %.3f train, %.3f test", r->train_accuracy, r->test_accuracy);
        else if (r->epochs_done > 0)
            buf_print(b, ", loss %.3g train, %.3g test", r->train_loss, r->test_loss);
        if (!isnan(r->updated)) buf_print(b, ", %s ago", clock_span(fmax(0, s->now - r->updated), ago));
        buf_print(b, ", on %.*s, rank %" PRId64 "\n", TEXT(r->host), r->rank);
    }
    if (s->all.state[JOB_RUNNING] > shown) buf_print(b, "  and %zu more\n", s->all.state[JOB_RUNNING] - shown);
}

/* ---- what does not run, and why ---- */

static bool same_trouble(const struct status *s, const struct store_row *a, const struct store_row *b)
{
    return s->results.of[a - s->row] == s->results.of[b - s->row] && !memcmp(a->error, b->error, sizeof a->error);
}

/* One job stands for all seeds of its setting that have the same reason. */
static void print_troubled(struct buf *b, const struct status *s, enum job_state state)
{
    const struct store_row *first[LISTED];
    size_t count[LISTED] = { 0 }, groups = 0, shown = 0;
    for (size_t i = 0; i < s->rows; i++) {
        const struct store_row *r = &s->row[i];
        if (r->state != state) continue;
        size_t g = 0;
        while (g < groups && !same_trouble(s, first[g], r)) g++;
        if (g == LISTED) continue;
        if (g == groups) first[groups++] = r;
        count[g]++;
        shown++;
    }
    if (groups) buf_print(b, "\n%s:\n", job_state_name[state]);
    for (size_t g = 0; g < groups; g++) {
        print_job(b, s, first[g]);
        if (count[g] > 1) buf_print(b, " and %zu more", count[g] - 1);
        buf_print(b, "  %.*s\n", TEXT(first[g]->error));
    }
    if (s->all.state[state] > shown)
        buf_print(b, "  and %zu more of other settings or for other reasons; --json has all\n",
                  s->all.state[state] - shown);
}

void status_page(const struct status *s, struct buf *out)
{
    buf_print(out, "%s\n", s->path);
    print_counts(out, s);
    print_shares(out, s);
    print_running(out, s);
    print_troubled(out, s, JOB_FAILED);
    print_troubled(out, s, JOB_BLOCKED);
    status_skipped(s, out);
    status_print_missing(s, out);
    status_results(&s->results, s->path, s->columns, out);
}
