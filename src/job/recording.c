#include "job/recording.h"
#include "base/hash.h"
#include "base/order.h"
#include "base/text.h"
#include "job/registry.h"
#include "job/stop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const end_states[] = {
    [WATCH_END_NONE] = "none", [WATCH_END_UNREACHED] = "unreached", [WATCH_END_ALL] = "all", NULL
};

const struct field recording_checkpoint_fields[] = {
    { .key = "every",
      .offset = offsetof(struct recording, every),
      .standard = "0",
      CLOCK_SPACING(clock_set_spacing_or_none, "0, 1, 2"),
      .help = "keep the weights every so many epochs or steps; 0: only the first and the last" },
    FIELD_ROW(recording, at, LINES, "[]", .count = sizeof((struct recording *)0)->at, .check = moment_list_check,
              .unit = "epoch",
              .help = "and at these epochs or steps (500 steps), or formulas as of t (gen + 500); mem and gen, by "
                      "the threshold that a job "
                      "is trained for, and what t asks for as a formula are kept besides"),
    { "end_state", FIELD_CHOICE, offsetof(struct recording, end_state), .standard = "unreached",
      .choices = end_states, .unit = "",
      .help =
          "of which finished jobs the optimiser's state is kept, so that a longer job goes on there: of those that "
          "never came to t_gen or were ended by a stop rule, of all, or of none" },
    FIELD_END,
};

const struct field recording_measure_fields[] = {
    FIELD_FLAG(watch_measure, optional, "false",
               "a program that was built without what the measure needs leaves it out and warns, and all is done "
               "without; else a run ends with 3 until the measure is made up"),
    FIELD_END,
};

const struct field *recording_fields(void)
{
    static struct field fields[] = {
        { .key = "eval_every",
          .offset = offsetof(struct recording, eval_every),
          .standard = "10",
          CLOCK_SPACING(clock_set_spacing, "1, 2"),
          .help = "train and test set are evaluated so often, and at the end; t_mem and t_gen are such epochs or "
                  "steps" },
        FIELD_NUMBER(recording, series_every, INT, "50", "[1, 1e9]", "epoch",
                     "of older files, and without effect: curves are stored at every evaluation"),
        FIELD_NUMBER(recording, threshold, REAL, "0.95", "(0, 1)", "1",
                     "accuracy that t_mem and t_gen must exceed (P)"),
        FIELD_NUMBER(recording, loss_bound, REAL, "0.01", "(0, 1e9]", "1",
                     "of regression tasks: train and test loss that t_mem and t_gen must fall below"),
        FIELD_CHARS(
            recording, measures, WORDS, "[]",
            "what is computed at each checkpoint: kinds, or entries of `measures:`, which give a kind options",
            .blocks = RECORDING_MEASURES),
        FIELD_ROW(
            recording, stop, LINES, "[]", .count = STORE_STOP, .check = stop_check, .unit = "",
            .help =
                "end jobs before their length, as soon as one of these has come at an evaluation: a formula as of "
                "t (gen + 2000), a condition on train_loss, train_accuracy, test_loss and test_accuracy "
                "(train_loss < 1e-6), or one that has held (test_accuracy > 0.95 for 2000 epochs)"),
        FIELD_END,
    };
    fields[4].choices = registry_names(PLUGIN_MEASURE); /* besides the entries of `measures:` */
    return fields;
}

/* ---- judges and points ---- */

bool judge_equal(const struct judge *a, const struct judge *b)
{
    return clock_same(a->eval_every, b->eval_every) && a->threshold == b->threshold;
}

bool watch_judges_at(const struct watch *w, const struct judge *judge, int64_t epoch)
{
    return epoch == w->epochs || spacing_holds(clock_spacing(w->clock, judge->eval_every), epoch);
}

bool watch_passes(const struct watch *w, const struct judge *judge, double loss, double accuracy)
{
    return w->by_loss ? loss < judge->threshold : accuracy > judge->threshold;
}

struct judge judge_read(int64_t spacing, bool steps, double threshold, int64_t epoch_steps)
{
    return (struct judge){ clock_whole((struct count){ spacing, steps }, epoch_steps), threshold };
}

int64_t watch_carry(clock_steps to, clock_steps from, int64_t at)
{
    return at < 0 ? COLUMN_NO_INT : clock_at(to, clock_count(from, at));
}

/* Below FARM_ALWAYS, and apart from the moments of every other judge. */
static int64_t milestone(const char *key)
{
    return -(int64_t)(hash_sum(key, strlen(key)) >> 2) - 1000;
}

/* Of one that is no rule. */
static int64_t number_of(const struct moment *t)
{
    return moment_in_steps(t) ? milestone(t->text) : t->epoch;
}

int64_t judge_moment(const struct judge *judge, const struct moment *t)
{
    struct buf key = { 0 };
    if (!moment_is_rule(t)) return number_of(t);
    clock_print(&judge->eval_every, &key);
    buf_print(&key, " %a %s", judge->threshold, t->text);
    const int64_t number = milestone(buf_chars(&key));
    buf_release(&key);
    return number;
}

int64_t watch_milestone(const struct watch *w, int64_t epoch)
{
    const struct moment at = moment_of(clock_count(w->clock, epoch));
    return number_of(&at);
}

int64_t watch_place(const struct watch *w, const struct judge *judge, const struct moment *t,
                    const struct moment_known *known)
{
    const bool whole = !judge->eval_every.steps && !watch_length(w).steps;
    return moment_place(t, known, w->clock, whole);
}

struct count watch_length(const struct watch *w)
{
    return clock_count(w->clock, w->epochs);
}

void watch_describe(const struct watch *w, struct store_row *row)
{
    memset(row->length_unit, 0, sizeof row->length_unit);
    MUST(text_copy(row->length_unit, sizeof row->length_unit, clock_unit(w->clock), sizeof row->length_unit));
    row->epochs = w->epochs;
    row->eval_every = clock_spacing_number(w->clock, w->judge[0].eval_every);
    row->threshold = w->judge[0].threshold;
}

static size_t find_judge(const struct watch *w, const struct judge *judge)
{
    size_t j = 0;
    while (j < w->judges && !judge_equal(&w->judge[j], judge)) j++;
    return j;
}

bool watch_has_judge(const struct watch *w, const struct judge *judge)
{
    return find_judge(w, judge) < w->judges;
}

/* A family lists its checkpoints in an attribute, which HDF5 keeps below 64 KiB; a longer curve would be a slip. */
static int check_counts(const struct watch *w, size_t checkpoints, struct err *e)
{
    enum { LIST = 60000, POINTS = 1000000 };
    size_t digits = 1;
    for (int64_t left = w->epochs; left >= 10; left /= 10) digits++;
    const size_t limit = LIST / (digits + 1);
    if (checkpoints > limit)
        return err_at(e, ERR_SPEC, NULL, NOWHERE, "checkpoint",
                      "%zu checkpoints of a job of %" PRId64 " %ss; at most %zu can be kept", checkpoints, w->epochs,
                      clock_unit(w->clock), limit);
    if (watch_points(w) > POINTS + 1)
        return err_at(e, ERR_SPEC, NULL, NOWHERE, "record.eval_every", "curves of %zu points; at most %d can be kept",
                      watch_points(w) - 1, POINTS);
    return 0;
}

/* ---- a recording ---- */

static bool is_in_steps(const struct recording *r, const struct watch_job *job)
{
    struct moment t;
    bool is = job->in_steps || job->length.steps || r->eval_every.steps || r->every.steps || stop_in_steps(r->stop);
    for (const char *at = r->at; moment_list_next(&at, &t);) is |= moment_in_steps(&t);
    return is;
}

/* Of a spacing that is no number of epochs or steps alone, but the clock's. */
static struct count on_clock(struct count every, clock_steps clock, int64_t epoch_steps)
{
    if (every.number < 0) every.steps = clock != 0;
    return clock_whole(every, epoch_steps);
}

/* Those at regular epochs. */
static int list_checkpoints(struct watch *w, struct spacing every, struct arena *a, struct err *e)
{
    size_t count = every.every > 0 ? (size_t)(w->epochs / (every.every * every.unit)) : 0, place = 2;
    for (int64_t at = 0; every.every < 0 && at <= w->epochs; at = spacing_next(every, at)) count++;
    if (check_counts(w, count, e)) return -1;
    int64_t *list = ARENA_NEW(a, count + 2, int64_t);
    list[0] = 0;
    list[1] = w->epochs;
    for (int64_t at = every.every ? spacing_next(every, 0) : w->epochs; at < w->epochs; at = spacing_next(every, at))
        list[place++] = at;
    w->checkpoints = order_unique(list, place);
    w->checkpoint = list;
    return 0;
}

int watch_make(struct watch *out, const struct recording *r, const struct watch_job *job, struct arena *a,
               struct err *e)
{
    const clock_steps clock = is_in_steps(r, job) ? job->epoch_steps : 0;
    *out = (struct watch){ .clock = clock,
                           .epochs = clock_at(clock, job->length),
                           .judge = { { on_clock(r->eval_every, clock, job->epoch_steps),
                                        job->regression ? r->loss_bound : r->threshold } },
                           .judges = 1,
                           .by_loss = job->regression,
                           .end_state = r->end_state };
    watch_train_to(out, &out->judge[0], "", a);
    if (out->epochs > CLOCK_MOST)
        return err_at(e, ERR_SPEC, NULL, NOWHERE, "training", "a job of %" PRId64 " steps; at most %d can be counted",
                      out->epochs, CLOCK_MOST);
    if (list_checkpoints(out, clock_spacing(clock, on_clock(r->every, clock, job->epoch_steps)), a, e)) return -1;
    struct moment t;
    for (const char *at = r->at; moment_list_next(&at, &t);) {
        if (moment_resolve(&t, "checkpoint.at", job->length, job->epoch_steps, e)) return -1;
        if (!moment_is_beyond(&t, clock, out->epochs) && watch_keep(out, &t, &out->judge[0], a, e)) return -1;
    }
    return 0;
}

/* ---- ends ---- */

int watch_set_stop(struct watch *w, const char *stop, struct arena *a, struct err *e)
{
    char text[STORE_STOP];
    MUST(text_copy(text, sizeof text, stop, sizeof text));
    if (stop_resolve(text, watch_length(w), clock_epoch(w->clock), w->by_loss, e)) return -1;
    struct watch_end *end = ARENA_NEW(a, 1, struct watch_end);
    *end = (struct watch_end){ w->judge[0], arena_text(a, text, strlen(text)) };
    w->end = end;
    w->ends = 1;
    return 0;
}

static bool same_end(const struct watch_end *a, const struct watch_end *b)
{
    return judge_equal(&a->judge, &b->judge) && !strcmp(a->stop, b->stop);
}

/* Who is trained to its length is trained to all else. */
void watch_train_to(struct watch *w, const struct judge *judge, const char *stop, struct arena *a)
{
    const struct watch_end wanted = { *judge, stop };
    for (size_t i = 0; i < w->ends; i++)
        if (!w->end[i].stop[0] || same_end(&w->end[i], &wanted)) return;
    struct watch_end *list = ARENA_NEW(a, w->ends + 1, struct watch_end);
    for (size_t i = 0; i < w->ends; i++) list[i] = w->end[i];
    list[w->ends++] = wanted;
    w->end = list;
}

static bool same_ends(const struct watch *a, const struct watch *b)
{
    bool same = a->ends == b->ends;
    for (size_t i = 0; same && i < a->ends; i++) same = same_end(&a->end[i], &b->end[i]);
    return same;
}

bool watch_measure_equal(const struct watch_measure *a, const struct watch_measure *b)
{
    return !strcmp(a->name, b->name) && a->kind == b->kind && !strcmp(a->options, b->options);
}

static bool same_measures(const struct watch_measure *a, const struct watch_measure *b, size_t count)
{
    bool same = true;
    for (size_t i = 0; same && i < count; i++)
        same = watch_measure_equal(&a[i], &b[i]) && a[i].optional == b[i].optional;
    return same;
}

static int compare_moments(const void *a, const void *b)
{
    const struct watch_moment *x = a, *y = b;
    if (x->judge != y->judge) return x->judge < y->judge ? -1 : 1;
    return strcmp(x->t.text, y->t.text);
}

static bool same_moments(const struct watch *a, const struct watch *b)
{
    bool same = a->moments == b->moments;
    for (size_t i = 0; same && i < a->moments; i++) same = !compare_moments(&a->moment[i], &b->moment[i]);
    return same;
}

bool watch_equal(const struct watch *a, const struct watch *b)
{
    bool judged_alike = a->judges == b->judges && a->by_loss == b->by_loss;
    for (size_t j = 0; judged_alike && j < a->judges; j++) judged_alike = judge_equal(&a->judge[j], &b->judge[j]);
    return judged_alike && a->clock == b->clock && a->epochs == b->epochs && a->series_every == b->series_every &&
           a->end_state == b->end_state && same_ends(a, b) && a->measures == b->measures &&
           same_measures(a->measure, b->measure, a->measures) && a->absents == b->absents &&
           same_measures(a->absent, b->absent, a->absents) && same_moments(a, b) &&
           a->checkpoints == b->checkpoints &&
           !memcmp(a->checkpoint, b->checkpoint, a->checkpoints * sizeof *a->checkpoint);
}

/* Both lists are sorted; of two entries with one name the first is kept.  *count: in, of the first
 * list; out, of the one that is returned.  What one of them must have is not optional. */
static const struct watch_measure *merge_measures(const struct watch_measure *first, size_t *count,
                                                  const struct watch_measure *second, size_t seconds, struct arena *a)
{
    const size_t firsts = *count;
    struct watch_measure *list = ARENA_NEW(a, firsts + seconds, struct watch_measure);
    *count = 0;
    for (size_t i = 0, j = 0; i < firsts || j < seconds;) {
        const int order = i == firsts ? 1 : j == seconds ? -1 : strcmp(first[i].name, second[j].name);
        struct watch_measure *next = &list[(*count)++];
        *next = order <= 0 ? first[i] : second[j];
        if (order == 0) next->optional = first[i].optional && second[j].optional;
        i += order <= 0;
        j += order >= 0;
    }
    return list;
}

static int merge_judges(struct watch *into, const struct watch *other, struct err *e)
{
    for (size_t j = 0; j < other->judges; j++) {
        if (watch_has_judge(into, &other->judge[j])) continue;
        if (into->judges == JUDGES)
            return err_set(e, ERR_SPEC,
                           "grids share a job and judge it by more than %d pairs of eval_every and threshold; "
                           "`tombola query` has epoch_of() for any other threshold",
                           JUDGES);
        into->judge[into->judges++] = other->judge[j];
    }
    return 0;
}

/* Those of judges that it has. */
static int merge_moments(struct watch *into, const struct watch *other, struct arena *a, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < other->moments && !rc; i++) {
        const struct judge *judge = &other->judge[other->moment[i].judge];
        if (watch_has_judge(into, judge)) rc = watch_keep(into, &other->moment[i].t, judge, a, e);
    }
    return rc;
}

/* On another clock. */
static void count_steps(struct watch *w, clock_steps clock, struct arena *a)
{
    int64_t *list = ARENA_NEW(a, w->checkpoints, int64_t);
    for (size_t i = 0; i < w->checkpoints; i++) list[i] = w->checkpoint[i] * clock;
    w->checkpoint = list;
    w->epochs *= clock;
    w->series_every *= clock;
    w->clock = clock;
}

int watch_merge(struct watch *into, const struct watch *other, struct arena *a, struct err *e)
{
    struct watch in_steps;
    if (watch_equal(into, other)) return 0;
    if (into->clock && !other->clock) {
        in_steps = *other;
        count_steps(&in_steps, into->clock, a);
        other = &in_steps;
    }
    if (other->clock && !into->clock) count_steps(into, other->clock, a);
    MUST(into->epochs == other->epochs && into->clock == other->clock);
    if (merge_judges(into, other, e) || merge_moments(into, other, a, e)) return -1;
    int64_t *list = ARENA_NEW(a, into->checkpoints + other->checkpoints, int64_t);
    memcpy(list, into->checkpoint, into->checkpoints * sizeof *list);
    memcpy(list + into->checkpoints, other->checkpoint, other->checkpoints * sizeof *list);
    into->checkpoints = order_unique(list, into->checkpoints + other->checkpoints);
    into->checkpoint = list;
    into->measure = merge_measures(into->measure, &into->measures, other->measure, other->measures, a);
    into->absent = merge_measures(into->absent, &into->absents, other->absent, other->absents, a);
    if (other->end_state > into->end_state) into->end_state = other->end_state;
    for (size_t i = 0; i < other->ends; i++) watch_train_to(into, &other->end[i].judge, other->end[i].stop, a);
    return check_counts(into, into->checkpoints, e);
}

/* ---- slots ---- */

size_t watch_epoch_slot(const struct watch *w, int64_t epoch)
{
    const int64_t *found = bsearch(&epoch, w->checkpoint, w->checkpoints, sizeof *w->checkpoint, order_int64);
    return found ? (size_t)(found - w->checkpoint) : SIZE_MAX;
}

size_t watch_end_slot(const struct watch *w, int64_t end)
{
    const size_t regular = watch_epoch_slot(w, end);
    return regular != SIZE_MAX ? regular : w->checkpoints - 1;
}

size_t watch_slot(const struct watch *w, const struct moment *t, const struct judge *judge)
{
    if (!moment_is_rule(t)) return watch_epoch_slot(w, clock_at(w->clock, moment_number(t)));
    const size_t j = find_judge(w, judge), name = (size_t)moment_alone(t);
    if (j == w->judges) return SIZE_MAX;
    if (name < MOMENT_FINAL) return w->checkpoints + w->moments + 2 * (j ? j - 1 : w->judges - 1) + name;
    struct watch_moment wanted = { j, *t };
    const struct watch_moment *found =
        w->moments ? bsearch(&wanted, w->moment, w->moments, sizeof wanted, compare_moments) : NULL;
    return found ? w->checkpoints + (size_t)(found - w->moment) : SIZE_MAX;
}

int64_t watch_slot_epoch(const struct watch *w, size_t slot, const struct moment_known *reached)
{
    if (slot < w->checkpoints) return w->checkpoint[slot];
    slot -= w->checkpoints;
    if (slot < w->moments) {
        const struct watch_moment *m = &w->moment[slot];
        return watch_place(w, &w->judge[m->judge], &m->t, &reached[m->judge]);
    }
    slot -= w->moments;
    const size_t pair = slot / MOMENT_FINAL; /* the first judge has the last one */
    return reached[pair + 1 < w->judges ? pair + 1 : 0].epoch[slot % MOMENT_FINAL];
}

static int keep_epoch(struct watch *w, int64_t epoch, struct arena *a, struct err *e)
{
    int64_t *list = ARENA_NEW(a, w->checkpoints + 1, int64_t);
    memcpy(list, w->checkpoint, w->checkpoints * sizeof *list);
    list[w->checkpoints] = epoch;
    w->checkpoints = order_unique(list, w->checkpoints + 1);
    w->checkpoint = list;
    return check_counts(w, w->checkpoints, e);
}

int watch_keep(struct watch *w, const struct moment *t, const struct judge *judge, struct arena *a, struct err *e)
{
    if (watch_slot(w, t, judge) != SIZE_MAX) return 0;
    if (!moment_is_rule(t)) return keep_epoch(w, clock_at(w->clock, moment_number(t)), a, e);
    if (w->moments == MOMENTS)
        return err_set(e, ERR_SPEC, "a job keeps its weights at more than %d moments that are formulas", MOMENTS);
    struct watch_moment *list = ARENA_NEW(a, w->moments + 1, struct watch_moment);
    for (size_t i = 0; i < w->moments; i++) list[i] = w->moment[i];
    list[w->moments++] = (struct watch_moment){ find_judge(w, judge), *t };
    qsort(list, w->moments, sizeof *list, compare_moments);
    w->moment = list;
    return 0;
}

bool watch_has_checkpoints(const struct watch *kept, const struct watch *want)
{
    bool has = true;
    for (size_t i = 0; has && i < want->checkpoints; i++)
        has = watch_epoch_slot(kept, watch_carry(kept->clock, want->clock, want->checkpoint[i])) != SIZE_MAX;
    return has;
}

bool watch_measures(const struct watch *w, const char *name)
{
    for (size_t i = 0; i < w->measures; i++)
        if (!strcmp(w->measure[i].name, name)) return true;
    return false;
}

size_t watch_slots(const struct watch *w)
{
    return w->checkpoints + w->moments + 2 * w->judges;
}
