#include "base/clock.h"
#include "base/log.h"
#include "job/registry.h"
#include "job/stages.h"
#include "num/real.h"

#include <math.h>
#include <string.h>

static size_t resume_array(const struct stage *s)
{
    return store_array_find(s->run->store, (size_t)s->row->family, "resume");
}

static size_t blob_bytes(const struct stage *s)
{
    const struct store_family *f = store_family(s->run->store, (size_t)s->row->family);
    const size_t bytes = store_part_bytes(&f->array[resume_array(s)]);
    MUST(bytes >= recording_resume_bytes(s->data.layout.n, (size_t)s->trainer.state.vectors, sizeof(real),
                                         watch_points(&s->watch), s->parts));
    return bytes;
}

/* Copy between a flat blob and the live state, in the order that recording_resume_bytes counts: one function for both
 * ways. */
static void move(bool save, char **at, void *live, size_t bytes)
{
    memcpy(save ? (void *)*at : live, save ? live : (void *)*at, bytes);
    *at += bytes;
}

static void move_state(struct stage *s, bool save, char *blob, struct resume_head *head)
{
    struct train_state *state = &s->trainer.state;
    move(save, &blob, head, sizeof *head);
    for (int i = 0; i < state->vectors; i++) move(save, &blob, state->vector[i], s->data.layout.n * sizeof(real));
    const size_t bytes = watch_points(&s->watch) * sizeof(double);
    for (size_t i = 0; i < SERIES; i++) move(save, &blob, s->series[i], bytes);
    for (size_t i = 0; i < PART_CURVES && s->parts; i++) move(save, &blob, s->part[i], bytes * s->parts);
}

enum { CURVES = SERIES + PART_CURVES };

/* How many they are. */
static size_t list_series(const struct stage *s, struct store_part out[CURVES])
{
    const size_t bytes = watch_points(&s->watch) * sizeof(double), family = (size_t)s->row->family;
    for (size_t i = 0; i < SERIES; i++) out[i] = (struct store_part){ ARRAY_TRAIN_LOSS + i, 0, s->series[i], bytes };
    for (size_t i = 0; i < PART_CURVES && s->parts; i++)
        out[SERIES + i] = (struct store_part){ store_array_find(s->run->store, family, recording_part_curves[i]), 0,
                                               s->part[i], bytes * s->parts };
    return s->parts ? CURVES : SERIES;
}

int stage_put_series(struct stage *s, struct err *e)
{
    struct store_part part[CURVES];
    const size_t count = list_series(s, part);
    return store_put_all(s->run->store, s->row, part, count, e);
}

/* The state and the curves up to it. */
static int put_point(struct stage *s, const char *blob, size_t bytes, struct err *e)
{
    struct store_part part[CURVES + 1];
    const size_t count = list_series(s, part);
    part[count] = (struct store_part){ resume_array(s), s->saves++ % 2, blob, bytes };
    return store_put_all(s->run->store, s->row, part, count + 1, e);
}

int stage_save(struct stage *s, const struct train_state *state, struct err *e)
{
    struct store_row *r = s->row;
    struct arena_mark m = arena_mark(s->run->arena);
    const size_t bytes = blob_bytes(s);
    char *blob = arena_alloc(s->run->arena, bytes);
    r->seconds = s->spent + clock_wall() - s->began;
    r->epochs_done = state->epoch;
    r->steps_done = state->step;
    if (state->epoch > s->saved_epoch) {
        r->attempts = 1; /* the earlier ones have led to something */
        r->deaths = 0;
    }
    s->saved_epoch = state->epoch;
    struct resume_head head = { .epoch = state->epoch,
                                .step = state->step,
                                .seen = state->seen,
                                .t_mem = r->t_mem,
                                .t_gen = r->t_gen,
                                .seconds = r->seconds,
                                .train_loss = r->train_loss,
                                .train_accuracy = r->train_accuracy,
                                .test_loss = r->test_loss,
                                .test_accuracy = r->test_accuracy };
    memcpy(head.more, &s->reached[1], sizeof head.more);
    move_state(s, true, blob, &head);
    int rc = put_point(s, blob, bytes, e) || store_progress(s->run->store, s->run->row, r, e);
    if (!rc) s->run->hooks->saved(s->run->hooks->ctx);
    arena_rewind(s->run->arena, m);
    s->saved = clock_wall();
    return rc ? -1 : 0;
}

static struct moment_known known_at(const struct resume_head *at, size_t judge)
{
    if (judge) return at->more[judge - 1];
    return (struct moment_known){ { at->t_mem, at->t_gen } };
}

int stage_save_end(struct stage *s, struct err *e)
{
    if (stage_save(s, &s->trainer.state, e)) return -1;
    store_discard_part(s->run->store, s->row, resume_array(s), s->saves % 2);
    return 0;
}

bool stage_is_past(const struct stage *s, const struct resume_head *at, size_t slot)
{
    const struct watch *w = &s->watch;
    struct moment_known reached[JUDGES];
    for (size_t j = 0; j < JUDGES; j++) reached[j] = known_at(at, j);
    const bool evaluated = slot >= w->checkpoints + w->moments; /* mem and gen are there when they are known */
    const int64_t epoch = watch_slot_epoch(w, slot, reached);
    return epoch >= 0 && (epoch < at->epoch || (epoch == at->epoch && (at->seen > 0 || evaluated)));
}

/* A host that was lost may have taken weights with it that were stored before the resume point. */
static bool past_is_whole(const struct stage *s, const struct resume_head *at)
{
    struct store *store = s->run->store;
    bool whole = true;
    for (size_t slot = 0; slot < watch_slots(&s->watch) && whole; slot++)
        whole = !stage_is_past(s, at, slot) || (store_sound(store, s->row, ARRAY_CHECKPOINTS, slot) &&
                                                store_sound(store, s->row, ARRAY_CHECKPOINT_EPOCH, slot) &&
                                                (!s->trainer.popup || store_sound(store, s->row, ARRAY_MASK, slot)));
    return whole;
}

/* If not, that is said. */
static bool may_go_on(const struct stage *s, uint64_t plan, const struct resume_head *at)
{
    const bool same = s->row->plan_hash == plan;
    char label[64];
    if (same && past_is_whole(s, at)) return true;
    spec_label(&s->spec, label, sizeof label);
    if (same)
        log_warn("job %.8s %s has lost weights that it had stored before its resume point: it begins anew",
                 s->row->id, label);
    else
        log_warn("job %.8s %s was begun by another version of this program, which computed its network in another "
                 "order: it begins anew",
                 s->row->id, label);
    return false;
}

void stage_adopt(struct stage *s, const struct resume_head *h)
{
    struct store_row *r = s->row;
    s->resumed = *h;
    s->trainer.state.epoch = h->epoch;
    s->trainer.state.step = h->step;
    s->trainer.state.seen = h->seen;
    s->spent = h->seconds;
    s->saved_epoch = h->epoch;
    for (size_t j = 0; j < JUDGES; j++) s->reached[j] = known_at(h, j);
    r->epochs_done = h->epoch;
    r->steps_done = h->step;
    r->seconds = h->seconds;
    r->t_mem = h->t_mem;
    r->t_gen = h->t_gen;
    r->train_loss = h->train_loss;
    r->train_accuracy = h->train_accuracy;
    r->test_loss = h->test_loss;
    r->test_accuracy = h->test_accuracy;
}

int stage_restore(struct stage *s, uint64_t plan, bool *found, struct err *e)
{
    (void)e;
    struct arena_mark m = arena_mark(s->run->arena);
    size_t array = resume_array(s);
    const size_t bytes = blob_bytes(s);
    char *blob[2] = { arena_alloc(s->run->arena, bytes), arena_alloc(s->run->arena, bytes) };
    const int64_t examples = (int64_t)s->data.set.train.n;
    struct resume_head head[2] = { { .epoch = -1, .step = -1 }, { .epoch = -1, .step = -1 } };
    for (size_t slot = 0; slot < 2; slot++) { /* a torn slot is what the other one is for */
        struct err torn = { 0 };
        if (store_has(s->run->store, s->row, array, slot) &&
            !store_get(s->run->store, s->row, array, slot, blob[slot], bytes, &torn))
            memcpy(&head[slot], blob[slot], sizeof head[slot]);
        const struct resume_head *h = &head[slot];
        if (h->epoch > s->watch.epochs || h->step < 0 || h->seen < 0 || h->seen > examples)
            head[slot] = (struct resume_head){ .epoch = -1, .step = -1 };
    }
    size_t newer = head[1].step > head[0].step;
    *found = head[newer].epoch >= 0;
    if (*found) *found = may_go_on(s, plan, &head[newer]);
    if (*found) {
        struct resume_head h;
        move_state(s, false, blob[newer], &h);
        s->saves = newer + 1;
        stage_adopt(s, &h);
    }
    arena_rewind(s->run->arena, m);
    return 0;
}
