#include "job/judge.h"
#include "base/arena.h"

#include <math.h>
#include <string.h>

double judge_tau(int64_t t_mem, int64_t t_gen)
{
    return t_mem > 0 && t_gen >= 0 ? (double)t_gen / (double)t_mem : (double)NAN;
}

bool judge_is_whole(const struct store_row *r)
{
    return r->epochs_done >= r->epochs;
}

bool judge_of_row(const struct store_row *r, const struct watch *w, const struct judge *judge)
{
    if (r->eval_every == COLUMN_NO_INT) return judge_equal(judge, &w->judge[0]);
    return clock_spacing_number(w->clock, judge->eval_every) == r->eval_every && judge->threshold == r->threshold;
}

/* What the slot of a moment says: an epoch, or COLUMN_NO_INT for one that never came. */
static int read_moment(struct store *s, const struct store_row *r, size_t slot, int64_t *epoch, struct err *e)
{
    return store_get(s, r, ARRAY_CHECKPOINT_EPOCH, slot, epoch, sizeof *epoch, e);
}

/* The first point of a curve at which the judge looks, and it has passed. */
static int first_pass(struct store *s, const struct store_row *r, const struct watch *w, const struct judge *judge,
                      size_t array, int64_t *found, struct err *e)
{
    *found = COLUMN_NO_INT;
    if (!store_has(s, r, array, 0)) return 0; /* a job that is done and learns nothing has no curves */
    struct arena a = { 0 };
    const size_t points = watch_points(w);
    double *value = ARENA_NEW(&a, points, double);
    int64_t *epoch = ARENA_NEW(&a, points, int64_t);
    const int rc = store_get(s, r, array, 0, value, points * sizeof *value, e);
    watch_list_points(w, epoch);
    for (size_t i = 0; !rc && i < points && *found < 0; i++)
        if (watch_judges_at(w, judge, epoch[i]) && watch_passes(w, judge, value[i], value[i])) *found = epoch[i];
    arena_release(&a);
    return rc;
}

int judge_find(struct store *s, const struct store_row *r, const struct watch *w, const struct judge *judge,
               struct judged *out, bool *known, struct err *e)
{
    int rc = 0;
    *known = true;
    *out = (struct judged){ r->t_mem, r->t_gen, r->tau_grok };
    if (judge_of_row(r, w, judge) && !r->ended_by[0]) return 0; /* else they are those up to an earlier end */
    if (watch_has_judge(w, judge))
        rc = read_moment(s, r, watch_slot(w, &moment_mem, judge), &out->t_mem, e) ||
             read_moment(s, r, watch_slot(w, &moment_gen, judge), &out->t_gen, e);
    else if (watch_sees(w, judge))
        rc = first_pass(s, r, w, judge, w->by_loss ? ARRAY_TRAIN_LOSS : ARRAY_TRAIN_ACCURACY, &out->t_mem, e) ||
             first_pass(s, r, w, judge, w->by_loss ? ARRAY_TEST_LOSS : ARRAY_TEST_ACCURACY, &out->t_gen, e);
    else
        *known = false;
    out->tau_grok = judge_tau(out->t_mem, out->t_gen);
    return rc ? -1 : 0;
}

/* ---- up to an end ---- */

/* Of what the store says: at the end of a job that has its length. */
static void take_row(const struct store_row *r, struct judged_end *out)
{
    const double value[STOP_VALUES] = { r->train_loss, r->train_accuracy, r->test_loss, r->test_accuracy };
    out->epoch = r->epochs_done;
    memcpy(out->value, value, sizeof value);
}

static int walk(struct store *s, const struct store_row *r, const struct watch *w, struct ending *g, struct err *e)
{
    struct arena a = { 0 };
    const size_t points = watch_points(w);
    double *curve[STOP_VALUES];
    int64_t *epoch = ARENA_NEW(&a, points, int64_t);
    int rc = 0;
    for (size_t i = 0; i < STOP_VALUES && !rc; i++) {
        curve[i] = ARENA_NEW(&a, points, double);
        rc = store_get(s, r, ARRAY_TRAIN_LOSS + i, 0, curve[i], points * sizeof *curve[i], e);
    }
    watch_list_points(w, epoch);
    for (size_t p = 0; p < points && !rc && g->epoch < 0 && epoch[p] <= r->epochs_done; p++) {
        const double value[STOP_VALUES] = { curve[0][p], curve[1][p], curve[2][p], curve[3][p] };
        ending_see(g, epoch[p], value);
    }
    arena_release(&a);
    return rc;
}

int judge_end(struct store *s, const struct store_row *r, const struct watch *w, const struct judge *judge,
              const char *stop, struct judged_end *out, bool *known, struct err *e)
{
    *out = (struct judged_end){ .epoch = COLUMN_NO_INT };
    *known = stop[0] || judge_is_whole(r);
    if (!*known) return 0;
    if ((!stop[0] && !r->ended_by[0]) || !store_has(s, r, ARRAY_TRAIN_LOSS, 0)) {
        take_row(r, out);
        return judge_find(s, r, w, judge, &out->found, known, e);
    }
    *known = watch_sees(w, judge);
    struct ending g;
    ending_open(&g, w, judge, stop);
    if (*known && walk(s, r, w, &g, e)) return -1;
    *known = *known && g.epoch >= 0;
    out->epoch = g.epoch;
    out->found = (struct judged){ g.known.epoch[MOMENT_MEM], g.known.epoch[MOMENT_GEN], (double)NAN };
    out->found.tau_grok = judge_tau(out->found.t_mem, out->found.t_gen);
    memcpy(out->by, g.by, sizeof out->by);
    memcpy(out->value, g.value, sizeof out->value);
    return 0;
}

/* Any slot that keeps the weights of the epoch: a regular one, that of an earlier end, or another judge's moment. */
static int slot_of_epoch(struct store *s, const struct store_row *r, const struct watch *w, int64_t epoch,
                         size_t *slot, struct err *e)
{
    *slot = watch_epoch_slot(w, epoch);
    for (size_t i = w->checkpoints - 1; *slot == SIZE_MAX && i < watch_slots(w); i++) {
        int64_t kept = COLUMN_NO_INT;
        if (store_has(s, r, ARRAY_CHECKPOINT_EPOCH, i) && read_moment(s, r, i, &kept, e)) return -1;
        if (kept == epoch) *slot = i;
    }
    return 0;
}

/* Of a job whose training has ended. */
static int64_t epoch_of(const struct watch *w, const struct judge *judge, const struct moment *t, int64_t t_mem,
                        int64_t t_gen)
{
    const int64_t epoch = watch_place(w, judge, t, &(struct moment_known){ { t_mem, t_gen } });
    return epoch <= w->epochs ? epoch : COLUMN_NO_INT;
}

/* Who learns nothing has no slots for it. */
static bool row_says_never(const struct store_row *r, const struct watch *w, const struct judge *judge,
                           const struct moment *t)
{
    return judge_of_row(r, w, judge) && epoch_of(w, judge, t, r->t_mem, r->t_gen) < 0;
}

/* Of a slot that there is: does it hold weights, and of that epoch?  wanted: COLUMN_NO_INT if any will do. */
static int look_at_slot(struct store *s, const struct store_row *r, int64_t wanted, size_t *slot, bool *there,
                        struct err *e)
{
    int64_t epoch = COLUMN_NO_INT;
    *there = store_has(s, r, ARRAY_CHECKPOINT_EPOCH, *slot);
    if (*there && read_moment(s, r, *slot, &epoch, e)) return -1;
    if (epoch < 0 || (wanted >= 0 && epoch != wanted)) *slot = SIZE_MAX;
    return 0;
}

int judge_slot(struct store *s, const struct store_row *r, const struct watch *w, const struct judge *judge,
               const struct moment *t, size_t *slot, bool *never, struct err *e)
{
    const bool moment = moment_is_rule(t), done = r->state == JOB_DONE, whole = done && judge_is_whole(r);
    struct judged found = { 0 };
    bool there = false, known = false;
    *never = false;
    *slot = moment ? watch_slot(w, t, judge) : SIZE_MAX;
    if (*slot != SIZE_MAX) {
        if (look_at_slot(s, r, COLUMN_NO_INT, slot, &there, e)) return -1;
        *never = whole && *slot == SIZE_MAX && (there || row_says_never(r, w, judge, t));
        return 0;
    }
    if (moment && !done) return 0;
    if (moment && judge_find(s, r, w, judge, &found, &known, e)) return -1;
    if (moment && !known) return 0;
    const int64_t epoch =
        moment ? epoch_of(w, judge, t, found.t_mem, found.t_gen) : clock_at(w->clock, moment_number(t));
    *never = epoch < 0 && whole;
    if (epoch < 0) return 0;
    if (slot_of_epoch(s, r, w, epoch, slot, e)) return -1;
    return *slot == SIZE_MAX ? 0 : look_at_slot(s, r, epoch, slot, &there, e);
}
