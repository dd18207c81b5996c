#include "cli/likely.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"
#include "job/judge.h"

#include <math.h>
#include <string.h>

struct likely_end {
    double sum; /* of the epochs at which its finished jobs end */
    size_t count;
};

void likely_kind(const char *canonical, struct buf *out)
{
    static const char *const own[] = { "seed=", "parent=" };
    for (const char *line = canonical, *next; *line; line = next) {
        next = line + strcspn(line, "\n");
        next += *next == '\n';
        bool kept = true;
        for (size_t k = 0; k < ARRAY_LEN(own); k++) kept = kept && strncmp(line, own[k], strlen(own[k])) != 0;
        if (kept) buf_add(out, line, (size_t)(next - line));
    }
}

static struct id kind_of(const struct sheet *s, size_t job)
{
    struct buf text = { 0 };
    likely_kind(s->plan.job[job].canonical, &text);
    const struct id id = id_of(text.bytes, text.length);
    buf_release(&text);
    return id;
}

static const struct watch *watch_of_job(const struct sheet *s, size_t job)
{
    return &s->plan.watch[s->plan.job[job].watch];
}

bool likely_may_end(const struct sheet *s, size_t job)
{
    const struct watch *w = watch_of_job(s, job);
    bool may = w->epochs > 0 && w->ends > 0;
    for (size_t i = 0; i < w->ends; i++) may = may && w->end[i].stop[0];
    return may;
}

/* Where a finished job ends by all that the plan wants of it; false if that cannot be told. */
static bool end_of(const struct sheet *s, struct store *store, const struct store_row *r, size_t job,
                   struct watch **kept, struct arena *a, int64_t *out)
{
    const struct watch *want = watch_of_job(s, job);
    struct err ignored = { 0 };
    const struct watch *w = watch_of(kept, store, (size_t)r->family, a, &ignored);
    bool known = w != NULL;
    *out = 0;
    for (size_t i = 0; i < want->ends && known; i++) {
        struct judged_end end;
        known = !judge_end(store, r, w, &want->end[i].judge, want->end[i].stop, &end, &known, &ignored) && known;
        if (known && end.epoch > *out) *out = end.epoch;
    }
    return known;
}

void likely_find(struct sheet *s, struct store *store, const struct store_row *const *row)
{
    const size_t jobs = s->plan.jobs;
    struct arena a = { 0 };
    struct map kinds = { 0 };
    struct likely_end *kind = ARENA_NEW(&a, jobs + 1, struct likely_end);
    struct watch **kept = store ? ARENA_NEW(&a, store_families(store), struct watch *) : NULL;
    s->likely = ARENA_NEW(&s->arena, jobs + 1, int64_t);
    for (size_t i = 0; i < jobs; i++) {
        int64_t end;
        if (!store || !row[i] || row[i]->state != JOB_DONE || !likely_may_end(s, i)) continue;
        if (!end_of(s, store, row[i], i, kept, &a, &end)) continue;
        struct likely_end *k = &kind[map_number(&kinds, kind_of(s, i))];
        k->sum += (double)end;
        k->count++;
    }
    for (size_t i = 0; i < jobs; i++) {
        uint32_t k;
        s->likely[i] = -1;
        if (likely_may_end(s, i) && kinds.count && map_find(&kinds, kind_of(s, i), &k))
            s->likely[i] = (int64_t)ceil(kind[k].sum / (double)kind[k].count);
    }
    map_release(&kinds);
    arena_release(&a);
}

/* ---- in words ---- */

struct saving {
    size_t jobs, known;
    double epochs, most, seconds; /* of those that are known: expected, to their lengths; core-seconds less */
};

static struct saving sum_up(const struct sheet *s, const struct timing *timing)
{
    struct saving sum = { 0 };
    for (size_t i = 0; i < s->plan.jobs; i++) {
        if (!sheet_is_to_train(s, i) || !likely_may_end(s, i)) continue;
        sum.jobs++;
        if (s->likely[i] < 0) continue;
        const double most = (double)sheet_epochs(s, i);
        const double epochs = fmin(most, fmax(0, (double)(s->likely[i] - s->donor[i].epoch)));
        sum.known++;
        sum.epochs += epochs;
        sum.most += most;
        if (timing->shapes) sum.seconds += (most - epochs) * timing->epoch[s->plan.job[i].shape];
    }
    return sum;
}

void likely_print(const struct sheet *s, const struct timing *timing, struct buf *out)
{
    const struct saving sum = sum_up(s, timing);
    char span[32];
    if (!sum.jobs) return;
    buf_print(out, "stop rules may end %zu of them before: ", sum.jobs);
    if (sum.known)
        buf_print(out, "by finished jobs of their kinds %zu take about %.0f epochs, not %.0f, which saves %s of one core%s",
                  sum.known, sum.epochs, sum.most, isnan(sum.seconds) ? "some time" : clock_span(sum.seconds, span),
                  sum.known < sum.jobs ? "; " : "\n");
    if (sum.known < sum.jobs)
        buf_print(out, "of %zu no finished job says when, and they count in full\n", sum.jobs - sum.known);
}

void likely_json(const struct sheet *s, const struct timing *timing, struct buf *out)
{
    const struct saving sum = sum_up(s, timing);
    json_open(out, "stops", '{');
    JSON_COUNTS(out, { "jobs", sum.jobs }, { "known", sum.known });
    json_real(out, "epochs", sum.epochs);
    json_real(out, "epochs_most", sum.most);
    json_real(out, "core_seconds_saved", sum.seconds);
    json_close(out, '}');
}
