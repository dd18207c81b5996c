#include "job/recording.h"
#include "job/registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct field checkpoint_fields[] = {
    { "every", FIELD_INT, offsetof(struct recording, every), .standard = "0", .range = "[0, 1e9]", .unit = "epoch",
      .help = "keep the weights every so many epochs; 0: only the first and the last" },
    { "at", FIELD_INTS, offsetof(struct recording, at), .standard = "[]", .range = "[0, 1e9]", .unit = "epoch",
      .help = "and at these epochs; mem and gen are always kept" },
    FIELD_END,
};

const struct field measure_fields[] = {
    { "optional", FIELD_BOOL, offsetof(struct watch_measure, optional), .standard = "false", .unit = "",
      .help = "a program that was built without what the measure needs leaves it out and warns, and all is done "
              "without; else a run ends with 3 until the measure is made up" },
    FIELD_END,
};

const struct field *record_fields(void)
{
    static struct field fields[] = {
        { "eval_every", FIELD_INT, offsetof(struct recording, eval_every), .standard = "10", .range = "[1, 1e9]",
          .unit = "epoch", .help = "train and test accuracy are measured so often; t_mem and t_gen are such epochs" },
        { "series_every", FIELD_INT, offsetof(struct recording, series_every), .standard = "50", .range = "[1, 1e9]",
          .unit = "epoch", .help = "spacing of the stored curves; a multiple of eval_every" },
        { "threshold", FIELD_REAL, offsetof(struct recording, threshold), .standard = "0.95", .range = "(0, 1)",
          .unit = "1", .help = "accuracy that t_mem and t_gen must exceed (P)" },
        { "loss_bound", FIELD_REAL, offsetof(struct recording, loss_bound), .standard = "0.01", .range = "(0, 1e9]",
          .unit = "1", .help = "of regression tasks: train and test loss that t_mem and t_gen must fall below" },
        { "measures", FIELD_WORDS, offsetof(struct recording, measures), sizeof((struct recording *)0)->measures,
          .standard = "[]", .unit = "",
          .help =
              "what is computed at each checkpoint: kinds, or entries of `measures:`, which give a kind options" },
        FIELD_END,
    };
    fields[4].choices = registry_names(PLUGIN_MEASURE); /* besides the entries of `measures:` */
    return fields;
}

static int compare_epochs(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static size_t sort_unique(int64_t *list, size_t count)
{
    qsort(list, count, sizeof *list, compare_epochs);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || list[kept - 1] != list[i]) list[kept++] = list[i];
    return kept;
}

/* A family lists its checkpoints in an attribute, which HDF5 keeps below 64 KiB; a longer curve would be a slip. */
static int check_counts(int64_t epochs, int64_t series_every, size_t checkpoints, struct err *e)
{
    enum { LIST = 60000, POINTS = 1000000 };
    size_t digits = 1;
    for (int64_t left = epochs; left >= 10; left /= 10) digits++;
    const size_t limit = LIST / (digits + 1);
    if (checkpoints > limit)
        return err_at(e, ERR_SPEC, NULL, NOWHERE, "checkpoint",
                      "%zu checkpoints of a job of %" PRId64 " epochs; at most %zu can be kept", checkpoints, epochs,
                      limit);
    if (epochs / series_every > POINTS)
        return err_at(e, ERR_SPEC, NULL, NOWHERE, "record.series_every",
                      "curves of %" PRId64 " points; at most %d can be kept", epochs / series_every, POINTS);
    return 0;
}

int watch_make(struct watch *out, const struct recording *r, int64_t epochs, bool regression, struct arena *a,
               struct err *e)
{
    if (r->series_every % r->eval_every)
        return err_set(e, ERR_SPEC, "series_every is %" PRId64 ", no multiple of eval_every, %" PRId64,
                       r->series_every, r->eval_every);
    size_t regular = r->every ? (size_t)(epochs / r->every) : 0;
    if (check_counts(epochs, r->series_every, regular, e)) return -1;
    int64_t *list = ARENA_NEW(a, regular + (size_t)r->at.count + 2, int64_t);
    size_t count = 0;
    list[count++] = 0;
    list[count++] = epochs;
    for (size_t i = 1; i <= regular; i++) list[count++] = (int64_t)i * r->every;
    for (int64_t i = 0; i < r->at.count; i++)
        if (r->at.value[i] <= epochs) list[count++] = r->at.value[i];
    *out = (struct watch){ .epochs = epochs,
                           .eval_every = r->eval_every,
                           .series_every = r->series_every,
                           .threshold = regression ? r->loss_bound : r->threshold,
                           .by_loss = regression,
                           .checkpoints = sort_unique(list, count),
                           .checkpoint = list };
    return 0;
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bool same_measures(const struct watch_measure *a, const struct watch_measure *b, size_t count)
{
    bool same = true;
    for (size_t i = 0; same && i < count; i++)
        same = !strcmp(a[i].name, b[i].name) && a[i].kind == b[i].kind && !strcmp(a[i].options, b[i].options) &&
               a[i].optional == b[i].optional;
    return same;
}

bool watch_equal(const struct watch *a, const struct watch *b)
{
    return a->epochs == b->epochs && a->eval_every == b->eval_every && a->series_every == b->series_every &&
           a->threshold == b->threshold && a->by_loss == b->by_loss && a->measures == b->measures &&
           same_measures(a->measure, b->measure, a->measures) && a->absents == b->absents &&
           same_measures(a->absent, b->absent, a->absents) && a->checkpoints == b->checkpoints &&
           !memcmp(a->checkpoint, b->checkpoint, a->checkpoints * sizeof *a->checkpoint);
}

/* Both lists are sorted; entries of one name are the same, for both come from one file.  *count: in, of the first
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

int watch_merge(struct watch *into, const struct watch *other, struct arena *a, struct err *e)
{
    if (watch_equal(into, other)) return 0;
    if (into->eval_every != other->eval_every || into->threshold != other->threshold)
        return err_set(e, ERR_SPEC,
                       "two grids share a job but evaluate it every %" PRId64 " and %" PRId64
                       " epochs, with thresholds %g and %g; t_mem and t_gen depend on both, so they must agree",
                       into->eval_every, other->eval_every, into->threshold, other->threshold);
    MUST(into->epochs == other->epochs);
    int64_t *list = ARENA_NEW(a, into->checkpoints + other->checkpoints, int64_t);
    memcpy(list, into->checkpoint, into->checkpoints * sizeof *list);
    memcpy(list + into->checkpoints, other->checkpoint, other->checkpoints * sizeof *list);
    into->checkpoints = sort_unique(list, into->checkpoints + other->checkpoints);
    into->checkpoint = list;
    into->series_every = gcd(into->series_every, other->series_every);
    into->measure = merge_measures(into->measure, &into->measures, other->measure, other->measures, a);
    into->absent = merge_measures(into->absent, &into->absents, other->absent, other->absents, a);
    return check_counts(into->epochs, into->series_every, into->checkpoints, e);
}

size_t watch_slot(const struct watch *w, int64_t t)
{
    if (t == T_MEM) return w->checkpoints;
    if (t == T_GEN) return w->checkpoints + 1;
    const int64_t *found = bsearch(&t, w->checkpoint, w->checkpoints, sizeof *w->checkpoint, compare_epochs);
    return found ? (size_t)(found - w->checkpoint) : SIZE_MAX;
}

bool watch_covers(const struct watch *kept, const struct watch *want)
{
    bool covers = kept->eval_every == want->eval_every && kept->threshold == want->threshold &&
                  want->series_every % kept->series_every == 0;
    for (size_t i = 0; covers && i < want->checkpoints; i++)
        covers = watch_slot(kept, want->checkpoint[i]) != SIZE_MAX;
    return covers;
}

bool watch_measures(const struct watch *w, const char *name)
{
    for (size_t i = 0; i < w->measures; i++)
        if (!strcmp(w->measure[i].name, name)) return true;
    return false;
}

size_t watch_slots(const struct watch *w)
{
    return w->checkpoints + 2;
}

size_t watch_points(const struct watch *w)
{
    return (size_t)((w->epochs + w->series_every - 1) / w->series_every) + 1;
}

int64_t watch_point_epoch(const struct watch *w, size_t point)
{
    int64_t epoch = (int64_t)point * w->series_every;
    return epoch < w->epochs ? epoch : w->epochs;
}

size_t watch_point(const struct watch *w, int64_t epoch)
{
    if (epoch == w->epochs) return watch_points(w) - 1;
    return epoch % w->series_every ? SIZE_MAX : (size_t)(epoch / w->series_every);
}
