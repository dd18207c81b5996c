#include "base/log.h"
#include "job/ancestors.h"
#include "job/registry.h"
#include "job/stages.h"
#include "job/trajectory.h"
#include "num/real.h"

#include <string.h>

/* A job that begins where a shorter one of its trajectory has ended. */

struct donor {
    struct store_row row;
    struct watch watch;
    struct trajectory_past past;
    struct resume_head head;
};

static const struct store_array *array_of(const struct stage *s, const struct store_row *r, size_t array)
{
    return &store_family(s->run->store, (size_t)r->family)->array[array];
}

/* Of another that is trained again its new training counts: this job has waited for that.  Of itself, which a rule
 * had ended before, the old one. */
static int read_row(struct stage *s, struct donor *d, struct err *e)
{
    struct store *store = s->run->store;
    if (store_read_row(store, s->run->donor, &d->row, NULL, e)) return -1;
    if (s->run->donor != s->run->row) store_next(&d->row);
    return watch_parse(&d->watch, store_family(store, (size_t)d->row.family), s->run->arena, e);
}

/* Made from the same weights?  The parents may be two jobs, of two lengths, or one that was trained again. */
static bool has_same_parent(const struct stage *s, const struct donor *d)
{
    struct err ignored = { 0 }; /* of whoever reads the parent's weights next */
    uint64_t sum;
    return !ancestors_sum(s->run, &s->spec, &sum, &ignored) && sum == d->row.parent_sum;
}

/* The vectors go into this job's, which begins anew if anything is wrong with them. */
static int read_state(struct stage *s, struct donor *d, bool *found, struct err *e)
{
    struct store *store = s->run->store;
    struct train_state *state = &s->trainer.state;
    const size_t n = s->data.layout.n, resume = store_array_find(store, (size_t)d->row.family, "resume");
    struct arena_mark m = arena_mark(s->run->arena);
    int rc = 0;
    *found = false;
    for (size_t part = 0; part < 2 && resume != SIZE_MAX && !rc && !*found; part++) {
        if (!store_has(store, &d->row, resume, part)) continue;
        const size_t bytes = store_part_bytes(array_of(s, &d->row, resume));
        char *blob = arena_alloc(s->run->arena, bytes), *at = blob + sizeof d->head;
        rc = store_get(store, &d->row, resume, part, blob, bytes, e);
        if (rc) break;
        memcpy(&d->head, blob, sizeof d->head);
        *found = (d->watch.clock ? d->head.step : d->head.epoch) == d->row.epochs_done && d->head.step >= 0 &&
                 d->head.seen >= 0 && d->head.seen < (int64_t)s->data.set.train.n &&
                 bytes >= recording_resume_bytes(n, (size_t)state->vectors, sizeof(real), watch_points(&d->watch),
                                                 d->watch.family.parts);
        for (int i = 0; i < state->vectors && *found; i++, at += n * sizeof(real))
            memcpy(state->vector[i], at, n * sizeof(real));
    }
    arena_rewind(s->run->arena, m);
    return rc;
}

/* ---- copying ---- */

/* *lost: it is not there, or damaged. */
static int copy_part(struct stage *s, const struct donor *d, size_t from, size_t from_part, size_t to, size_t to_part,
                     bool *lost, struct err *e)
{
    struct arena_mark m = arena_mark(s->run->arena);
    const size_t bytes = store_part_bytes(array_of(s, s->row, to));
    void *data = arena_alloc(s->run->arena, bytes);
    struct err damaged = { 0 };
    *lost = store_get(s->run->store, &d->row, from, from_part, data, bytes, &damaged) != 0;
    const int rc = *lost ? 0 : store_put(s->run->store, s->row, to, to_part, data, bytes, e);
    arena_rewind(s->run->arena, m);
    return rc;
}

static size_t checkpoint_before(const struct watch *w, int64_t epoch)
{
    size_t slot = SIZE_MAX;
    for (size_t i = 0; i < w->checkpoints && w->checkpoint[i] < epoch; i++) slot = i;
    return slot;
}

/* A measure may look at the checkpoint before. */
static bool is_measured_alike(const struct stage *s, const struct donor *d, int64_t epoch)
{
    const int64_t there = watch_carry(d->watch.clock, s->watch.clock, epoch);
    const size_t own = checkpoint_before(&s->watch, epoch), other = checkpoint_before(&d->watch, there);
    if (own == SIZE_MAX || other == SIZE_MAX) return own == other;
    return clock_same(clock_count(s->watch.clock, s->watch.checkpoint[own]),
                      clock_count(d->watch.clock, d->watch.checkpoint[other]));
}

/* What is not there is computed from the checkpoint. */
static int copy_measure(struct stage *s, const struct donor *d, const struct watch_measure *m, size_t slot,
                        struct err *e)
{
    struct store *store = s->run->store;
    const struct store_family *own = store_family(store, (size_t)s->row->family);
    const char *path = measure_path(m, s->run->arena);
    const size_t length = strlen(path);
    if (registry_measure(m->kind->name)->look_back || !measure_recorded(store, (size_t)d->row.family, m)) return 0;
    for (size_t i = ARRAY_MEASURES; i < own->arrays; i++) {
        bool lost;
        if (strncmp(own->array[i].path, path, length) != 0 || own->array[i].path[length] != '/') continue;
        const size_t from = store_array_find(store, (size_t)d->row.family, own->array[i].path);
        if (from != SIZE_MAX && copy_part(s, d, from, d->past.slot[slot], i, slot, &lost, e)) return -1;
    }
    return 0;
}

static int copy_slot(struct stage *s, const struct donor *d, size_t slot, bool *lost, struct err *e)
{
    const size_t from = d->past.slot[slot];
    const int64_t epoch = watch_slot_epoch(&s->watch, slot, d->past.reached);
    if (copy_part(s, d, ARRAY_CHECKPOINTS, from, ARRAY_CHECKPOINTS, slot, lost, e) || *lost ||
        store_put(s->run->store, s->row, ARRAY_CHECKPOINT_EPOCH, slot, &epoch, sizeof epoch, e))
        return *lost ? 0 : -1;
    if (s->trainer.popup && (copy_part(s, d, ARRAY_MASK, from, ARRAY_MASK, slot, lost, e) || *lost))
        return *lost ? 0 : -1;
    for (size_t i = 0; i < s->watch.measures && is_measured_alike(s, d, epoch); i++)
        if (copy_measure(s, d, &s->watch.measure[i], slot, e)) return -1;
    return 0;
}

/* The mask that the job trains under is made again if it is not there. */
static int copy_all(struct stage *s, const struct donor *d, bool *lost, struct err *e)
{
    bool no_mask;
    *lost = false;
    for (size_t slot = 0; slot < watch_slots(&s->watch) && !*lost; slot++)
        if (d->past.slot[slot] != SIZE_MAX && copy_slot(s, d, slot, lost, e)) return -1;
    if (*lost || s->trainer.popup) return 0;
    return copy_part(s, d, ARRAY_MASK, 0, ARRAY_MASK, 0, &no_mask, e);
}

/* ---- going on ---- */

static void adopt(struct stage *s, const struct donor *d)
{
    const struct trajectory_past *p = &d->past;
    struct resume_head h = d->head;
    double *const last[SERIES] = { &h.train_loss, &h.train_accuracy, &h.test_loss, &h.test_accuracy };
    for (size_t i = 0; i < SERIES; i++) {
        memcpy(s->series[i], p->series[i], watch_points(&s->watch) * sizeof(double));
        if (p->points) *last[i] = p->series[i][p->points - 1];
    }
    for (size_t j = s->watch.judges; j < JUDGES; j++)
        h.more[j - 1] = (struct moment_known){ { COLUMN_NO_INT, COLUMN_NO_INT } };
    for (size_t j = 1; j < s->watch.judges; j++) h.more[j - 1] = p->reached[j];
    h.t_mem = p->reached[0].epoch[MOMENT_MEM];
    h.t_gen = p->reached[0].epoch[MOMENT_GEN];
    stage_adopt(s, &h);
}

/* Of the parts, as far as the shorter job has them. */
static int read_parts(struct stage *s, const struct donor *d, struct err *e)
{
    const size_t parts = s->parts, have = watch_points(&d->watch);
    struct arena_mark m = arena_mark(s->run->arena);
    double *curve = ARENA_NEW(s->run->arena, have * parts, double);
    int rc = 0;
    for (size_t i = 0; i < PART_CURVES && !rc && d->watch.family.parts == parts; i++) {
        const size_t array = store_array_find(s->run->store, (size_t)d->row.family, recording_part_curves[i]);
        rc = store_get(s->run->store, &d->row, array, 0, curve, have * parts * sizeof *curve, e);
        for (size_t p = 0; p < d->past.points && !rc; p++)
            memcpy(s->part[i] + p * parts, curve + d->past.place[p] * parts, parts * sizeof *curve);
    }
    arena_rewind(s->run->arena, m);
    return rc;
}

/* Results of the attempt that has just begun do not count. */
static int begin_anew(struct stage *s, struct err *e)
{
    struct train_state *state = &s->trainer.state;
    for (int i = 0; i < state->vectors; i++) memset(state->vector[i], 0, s->data.layout.n * sizeof(real));
    s->row->attempts--;
    return store_begin(s->run->store, s->run->row, s->row, false, e);
}

static int say_damaged(const struct stage *s, const struct donor *d, const char *why)
{
    char label[64];
    spec_label(&s->spec, label, sizeof label);
    log_warn("job %.8s %s cannot go on from the end of job %.8s, and begins anew: %s", s->row->id, label, d->row.id,
             why);
    return 0;
}

int stage_continue(struct stage *s, bool *found, struct err *e)
{
    struct donor *d = ARENA_NEW(s->run->arena, 1, struct donor);
    struct err damaged = { 0 };
    bool whole = false, lost;
    *found = false;
    if (s->run->donor == JOB_NO_PARENT) return 0;
    if (read_row(s, d, &damaged)) return say_damaged(s, d, damaged.text);
    const struct store_row place = d->row;
    if (!trajectory_has_end(s->run->store, &d->row) || !has_same_parent(s, d)) return 0;
    if (d->row.plan_hash != s->row->plan_hash) return 0; /* its numbers are others by rounding */
    if (trajectory_look(s->run->store, &d->row, &d->watch, &s->watch, &d->past, &whole, s->run->arena, &damaged))
        return say_damaged(s, d, damaged.text);
    if (!whole) return 0;
    if ((s->parts && read_parts(s, d, &damaged)) || read_state(s, d, found, &damaged)) {
        *found = false;
        say_damaged(s, d, damaged.text);
        return begin_anew(s, e);
    }
    if (!*found) return begin_anew(s, e);
    if (copy_all(s, d, &lost, e)) return -1;
    if (lost || (!place.again && !store_stays(s->run->store, s->run->donor, &place))) {
        *found = false;
        say_damaged(s, d, "it has lost weights");
        return begin_anew(s, e);
    }
    adopt(s, d);
    log_job("job %.8s goes on from the end of job %.8s, %s %lld", s->row->id, d->row.id, clock_unit(d->watch.clock),
            (long long)d->row.epochs_done);
    return stage_save(s, &s->trainer.state, e);
}
