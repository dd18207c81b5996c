#include "job/stages.h"
#include "base/clock.h"
#include "base/log.h"
#include "job/ancestors.h"
#include "job/inherit.h"
#include "job/inputs.h"
#include "job/judge.h"
#include "job/registry.h"
#include "job/trainer.h"
#include "num/convert.h"
#include "num/real.h"

#include <math.h>
#include <string.h>

/* ---- data and initial weights ---- */

static int given_weights(struct stage *s, real *theta, struct err *e)
{
    char digest[ID_CHARS + 1];
    memcpy(digest, s->spec.init.digest, sizeof digest);
    double *given = ARENA_NEW(s->run->arena, s->data.layout.n, double);
    if (input_weights(&s->spec.init, &s->data.layout, s->run->inputs, given, s->run->arena, e)) return -1;
    if (strcmp(digest, s->spec.init.digest))
        return err_set(e, ERR_JOB, "the weights in '%s' are no longer those that were planned", s->spec.init.file);
    for (size_t i = 0; i < s->data.layout.n; i++) theta[i] = (real)given[i];
    return 0;
}

static int given_mask(struct stage *s, uint8_t *mask, struct err *e)
{
    struct input in = s->spec.mask;
    if (input_mask(&in, &s->data.layout, s->run->inputs, mask, s->run->arena, e)) return -1;
    if (!strcmp(in.digest, s->spec.mask.digest)) return 0;
    return err_set(e, ERR_JOB, "the mask in '%s' is no longer the one that was planned", in.file);
}

/* Weights in a store, whose precision may be another than ours. */
struct stored {
    const void *data;
    bool wide;
    real *theta;
};

static void take(void *ctx, size_t to, size_t from, size_t size)
{
    const struct stored *s = ctx;
    for (size_t i = 0; i < size; i++)
        s->theta[to + i] =
            s->wide ? (real)((const double *)s->data)[from + i] : (real)((const float *)s->data)[from + i];
}

/* An ancestor's weights, as far as they are taken over. */
static int stored_weights(struct stage *s, const struct kept_weights *kept, real *theta, struct err *e)
{
    struct store *store = s->run->store;
    const struct store_array *array = &store_family(store, (size_t)kept->row.family)->array[ARRAY_CHECKPOINTS];
    const size_t bytes = store_part_bytes(array);
    const bool all = !s->spec.parent_tensors[0];
    void *data = arena_alloc(s->run->arena, bytes);
    struct stored stored = { .data = data, .wide = array->type == COLUMN_F64, .theta = theta };
    struct layout *parent = ARENA_NEW(s->run->arena, 1, struct layout);
    if (all && array->dim[0] != s->data.layout.n)
        return err_set(e, ERR_JOB, "job %.8s has another number of weights", kept->row.id);
    if (store_get(store, &kept->row, ARRAY_CHECKPOINTS, kept->slot, data, bytes, e)) return -1;
    if (all)
        take(&stored, 0, 0, s->data.layout.n);
    else if (recording_layout(parent, store_family(store, (size_t)kept->row.family), e) ||
             inherit_each(s->spec.parent_tensors, &s->data.layout, parent, take, &stored, e))
        return -1;
    return 0;
}

/* What t turned out to be, on the job's own clock; a parent that counts epochs says no steps. */
static int note_t(struct stage *s, const struct kept_weights *parent, struct err *e)
{
    int64_t at;
    if (store_get(s->run->store, &parent->row, ARRAY_CHECKPOINT_EPOCH, parent->slot, &at, sizeof at, e)) return -1;
    if (s->watch.clock)
        s->row->t = parent->watch.clock ? at : s->row->t;
    else
        s->row->t = at / clock_epoch(parent->watch.clock);
    return 0;
}

/* What the parent and its ancestors give: theta_t, and with `rewind` other weights than theta_0 to start from. */
static int inherit(struct stage *s, real *theta, real *theta_t, struct err *e)
{
    struct kept_weights parent, root;
    int64_t rewind;
    if (ancestors_parent(s->run, &s->spec, &parent, e) || stored_weights(s, &parent, theta_t, e) ||
        note_t(s, &parent, e) || ancestors_sum(s->run, &s->spec, &s->row->parent_sum, e))
        return -1;
    if (s->spec.rewind.epoch == 0) return 0;
    rewind =
        moment_is_rule(&s->spec.rewind) ? COLUMN_NO_INT : clock_at(s->watch.clock, moment_number(&s->spec.rewind));
    if (!parent.row.parent[0] && s->row->t >= 0 && rewind > s->row->t)
        return err_set(e, ERR_JOB, "rewind is %s, which is later than t: %s %lld", s->spec.rewind.text,
                       clock_unit(s->watch.clock), (long long)s->row->t);
    return ancestors_root(s->run, &s->spec, &parent, &root, e) || stored_weights(s, &root, theta, e) ? -1 : 0;
}

/* The farm counts epochs.  True: leave now. */
static bool tell(const struct stage *s, int64_t epoch)
{
    return s->run->hooks->tick(s->run->hooks->ctx, epoch, watch_epochs(&s->watch));
}

static bool leave(void *ctx)
{
    struct stage *s = ctx;
    s->left = s->left || tell(s, s->trainer.state.epoch);
    return s->left;
}

/* An earlier attempt may have stored it: scores that took long are not computed again. */
static bool stored_mask(struct stage *s)
{
    struct err damaged = { 0 }; /* then it is made again */
    return !store_family(s->run->store, (size_t)s->row->family)->array[ARRAY_MASK].parts &&
           store_has(s->run->store, s->row, ARRAY_MASK, 0) &&
           !store_get(s->run->store, s->row, ARRAY_MASK, 0, s->mask, s->data.layout.n, &damaged);
}

/* What was asked for is k; ties make another number of it. */
static void note_removed(struct stage *s)
{
    enum { WARNINGS = 3 };
    static int warned = 0;
    const struct pruned found = mask_count(s->mask, &s->data.layout);
    const double k = spec_uses(&s->spec) & USES_REST ? 1 - s->spec.k : s->spec.k;
    const double asked = k * (double)found.prunable;
    char label[64];
    s->row->k_removed = found.prunable ? (double)found.pruned / (double)found.prunable : 0;
    if (spec_uses(&s->spec) & USES_MASK) return; /* nobody asked for another number */
    if (fabs((double)found.pruned - asked) <= found.tensors || warned++ >= WARNINGS) return;
    spec_label(&s->spec, label, sizeof label);
    log_warn("job %.8s, %s: weights with equal scores where k cuts: with ties: %s %.4g of the weights are removed%s",
             s->row->id, label, ties_names[s->spec.ties], s->row->k_removed,
             warned == WARNINGS ? "; what follows of this is not told, the column k_removed has it" : "");
}

/* theta_0, then what the control makes of it; scores may be NULL.  *held: training keeps the mask.  resumed: only
 * that and the mask are wanted. */
static int starting_weights(struct stage *s, bool resumed, real *theta, real *scores, bool *held, struct err *e)
{
    const struct control_kind *control = registry_control(s->spec.control->name);
    if (!s->spec.init.digest[0])
        model_init(theta, &s->data.layout, s->spec.seed);
    else if (given_weights(s, theta, e))
        return -1;
    struct control_input in = { .config = s->spec.control_config,
                                .layout = &s->data.layout,
                                .k = s->spec.k,
                                .scope = (enum scope)s->spec.scope,
                                .ties = (enum ties)s->spec.ties,
                                .seed = s->spec.seed,
                                .model = registry_model(s->spec.model->name),
                                .model_config = s->spec.model_config,
                                .shape = &s->data.shape,
                                .train = &s->data.set.train,
                                .loss = &s->spec.training.loss,
                                .guard = &(const struct plain_guard){ leave, s } };
    if (control->uses & USES_PARENT) {
        real *theta_t = ARENA_NEW(s->run->arena, s->data.layout.n, real);
        memcpy(theta_t, theta, s->data.layout.n * sizeof *theta);
        if (inherit(s, theta, theta_t, e)) {
            if (e->kind == ERR_STORE) e->kind = ERR_JOB; /* damage at the parent's place costs its children only */
            return -1;
        }
        in.theta_t = theta_t;
    }
    *held = resumed && stored_mask(s);
    if (!*held && control->uses & USES_MASK) {
        uint8_t *given = ARENA_NEW(s->run->arena, s->data.layout.n, uint8_t);
        if (given_mask(s, given, e)) return -1;
        in.given = given;
    }
    if (!*held) {
        memset(s->mask, 1, s->data.layout.n);
        *held = control->apply(&in, theta, s->mask, s->run->arena);
        resumed = false;
    }
    if (s->left) return err_set(e, ERR_STOPPED, "stopped while pruning");
    if (control->uses & (USES_SCOPE | USES_MASK)) note_removed(s);
    if (resumed) return 0;
    if (scores) control->scores(&in, scores);
    return *held ? store_put(s->run->store, s->row, ARRAY_MASK, 0, s->mask, s->data.layout.n, e) : 0;
}

/* ---- what the training loop calls ---- */

/* A stop while measuring costs no epochs: the next run goes on here, with what is not measured yet. */
static int save_if_stopped(struct stage *s, struct err *e)
{
    struct err late = { 0 };
    if (e->kind == ERR_STOPPED && stage_save(s, &s->trainer.state, &late)) *e = late;
    return -1;
}

/* `milestone`: what children wait for, see judge_moment. */
static int put_checkpoint(struct stage *s, size_t slot, int64_t milestone, const struct train_state *state,
                          struct err *e)
{
    const struct popup *popup = s->trainer.popup;
    const size_t n = s->data.layout.n;
    const struct store_part part[] = { { ARRAY_CHECKPOINTS, slot, state->theta, n * sizeof(real) },
                                       { ARRAY_CHECKPOINT_EPOCH, slot, &state->at, sizeof state->at },
                                       { ARRAY_MASK, slot, popup ? popup->mask : NULL, n } };
    if (store_put_all(s->run->store, s->row, part, popup ? 3 : 2, e)) return -1;
    s->run->hooks->mark(s->run->hooks->ctx, milestone);
    return measuring_checkpoint(s->measuring, slot, e) ? save_if_stopped(s, e) : 0;
}

static void find_due(struct stage *s)
{
    for (size_t i = 0; i < s->watch.moments; i++) {
        const struct watch_moment *m = &s->watch.moment[i];
        s->due[i] = watch_place(&s->watch, &s->watch.judge[m->judge], &m->t, &s->reached[m->judge]);
    }
}

/* *epoch is known once all is measured: a run that is stopped before comes here again. */
static int reach(struct stage *s, const struct judge *judge, const struct moment *t, int64_t *epoch,
                 const struct loss_value *v, const struct train_state *state, struct err *e)
{
    const struct watch *w = &s->watch;
    if (*epoch >= 0 || !watch_judges_at(w, judge, state->at) || !watch_passes(w, judge, v->loss, v->accuracy))
        return 0;
    if (put_checkpoint(s, watch_slot(w, t, judge), judge_moment(judge, t), state, e)) return -1;
    *epoch = state->at;
    find_due(s);
    return 0;
}

static int on_evaluated(void *ctx, const struct train_state *state, const struct train_metrics *m, struct err *e)
{
    struct stage *s = ctx;
    struct store_row *r = s->row;
    const double value[SERIES] = { m->train.loss, m->train.accuracy, m->test.loss, m->test.accuracy };
    size_t point = watch_point(&s->watch, m->at);
    for (size_t i = 0; point != SIZE_MAX && i < SERIES; i++) s->series[i][point] = value[i];
    for (size_t i = 0; point != SIZE_MAX && i < s->parts; i++) {
        s->part[PART_LOSS][point * s->parts + i] = m->part[i].loss;
        s->part[PART_ACCURACY][point * s->parts + i] = m->part[i].accuracy;
    }
    r->train_loss = m->train.loss;
    r->train_accuracy = m->train.accuracy;
    r->test_loss = m->test.loss;
    r->test_accuracy = m->test.accuracy;
    for (size_t j = 0; j < s->watch.judges; j++) {
        const struct judge *judge = &s->watch.judge[j];
        int64_t *reached = s->reached[j].epoch;
        if (reach(s, judge, &moment_mem, &reached[MOMENT_MEM], &m->train, state, e) ||
            reach(s, judge, &moment_gen, &reached[MOMENT_GEN], &m->test, state, e))
            return -1;
    }
    r->t_mem = s->reached[0].epoch[MOMENT_MEM];
    r->t_gen = s->reached[0].epoch[MOMENT_GEN];
    for (size_t i = 0; i < s->endings; i++) ending_see(&s->ending[i], m->at, value);
    return 0;
}

static bool on_over(void *ctx)
{
    const struct stage *s = ctx;
    return endings_over(s->ending, s->endings);
}

static bool on_want_checkpoint(void *ctx, int64_t epoch)
{
    const struct stage *s = ctx;
    bool wanted = watch_epoch_slot(&s->watch, epoch) != SIZE_MAX;
    for (size_t i = 0; i < s->watch.moments; i++) wanted |= s->due[i] == epoch;
    return wanted;
}

static int on_checkpoint(void *ctx, const struct train_state *state, struct err *e)
{
    struct stage *s = ctx;
    const struct watch *w = &s->watch;
    const size_t regular = watch_epoch_slot(w, state->at);
    if (regular != SIZE_MAX && put_checkpoint(s, regular, watch_milestone(w, state->at), state, e)) return -1;
    for (size_t i = 0; i < w->moments; i++) {
        const int64_t need = judge_moment(&w->judge[w->moment[i].judge], &w->moment[i].t);
        if (s->due[i] == state->at && put_checkpoint(s, w->checkpoints + i, need, state, e)) return -1;
    }
    return 0;
}

/* After a start that led to nothing the first resume point comes soon: it says that the job is not what kills its
 * process, and a suspected one holds up all others. */
static double resume_every(const struct stage *s)
{
    return s->row->attempts > 1 || s->row->deaths ? fmin(s->run->resume_every, 1) : s->run->resume_every;
}

/* Readers need not wait for a resume point; long curves, or a slow disk, are written less often. */
#define SHOW_EVERY 4.0
static int show(struct stage *s, const struct train_state *state, struct err *e)
{
    const double began = clock_wall();
    if (began < s->show_at) return 0;
    s->row->seconds = s->spent + began - s->began;
    s->row->steps_done = state->step;
    if (stage_put_series(s, e) || store_progress(s->run->store, s->run->row, s->row, e)) return -1;
    s->show_at = clock_wall() + fmax(SHOW_EVERY, 50 * (clock_wall() - began));
    return 0;
}

static int on_tick(void *ctx, const struct train_state *state, struct err *e)
{
    struct stage *s = ctx;
    s->row->epochs_done = state->at;
    bool leave = tell(s, state->epoch);
    const bool save = leave || clock_wall() - s->saved >= resume_every(s);
    if (save ? stage_save(s, state, e) : show(s, state, e)) return -1;
    if (save) s->show_at = s->saved + SHOW_EVERY;
    return leave ? err_set(e, ERR_STOPPED, "stopped at %s %lld", clock_unit(s->watch.clock), (long long)state->at)
                 : 0;
}

static int finish_measures(struct stage *s, struct err *e)
{
    return measuring_finish(s->measuring, e) ? save_if_stopped(s, e) : 0;
}

/* ---- the whole job ---- */

/* Where it stands is what its curves say.  The evaluation at the epoch itself is still to come, unless that has
 * begun. */
static void open_endings(struct stage *s)
{
    const size_t points = watch_points(&s->watch);
    int64_t *epoch = ARENA_NEW(s->run->arena, points, int64_t);
    watch_list_points(&s->watch, epoch);
    s->endings = endings_read(&s->ending, s->run->until ? s->run->until : "", &s->watch, s->run->arena);
    const int64_t end = s->trainer.state.at + (!s->watch.clock && s->trainer.state.seen > 0);
    for (size_t p = 0; p < points && epoch[p] < end; p++) {
        const double value[SERIES] = { s->series[0][p], s->series[1][p], s->series[2][p], s->series[3][p] };
        for (size_t i = 0; i < s->endings; i++) ending_see(&s->ending[i], epoch[p], value);
    }
}

static double *open_curve(struct stage *s, size_t numbers)
{
    double *curve = ARENA_NEW(s->run->arena, numbers, double);
    for (size_t i = 0; i < numbers; i++) curve[i] = (double)NAN;
    return curve;
}

static void open_curves(struct stage *s)
{
    const size_t points = watch_points(&s->watch);
    s->parts = recording_parts(store_family(s->run->store, (size_t)s->row->family));
    MUST(!s->parts || s->parts == s->data.set.parts);
    for (size_t i = 0; i < SERIES; i++) s->series[i] = open_curve(s, points);
    for (size_t i = 0; i < PART_CURVES && s->parts; i++) s->part[i] = open_curve(s, points * s->parts);
}

static int start(struct stage *s, struct err *e)
{
    bool found, held;
    uint64_t plan = 0;
    s->mask = ARENA_NEW(s->run->arena, s->data.layout.n, uint8_t);
    open_curves(s);
    struct trainer *t = &s->trainer;
    *t = trainer_of(&s->spec, s->run->arena);
    t->layout = &s->data.layout;
    t->shape = &s->data.shape;
    t->data = &s->data.set;
    t->length = s->watch.epochs;
    t->by_step = s->watch.clock != 0;
    t->loss.hit = task_hit(&s->spec.common, &s->data.shape, s->run->arena);
    for (size_t j = 0; j < s->watch.judges; j++)
        t->record.every[j] = clock_spacing(s->watch.clock, s->watch.judge[j].eval_every);
    train_open(t, s->run->arena);
    watch_describe(&s->watch, s->row);
    if (t->model->plan) plan = t->model->plan(t->model_config, t->shape, &s->row->plan_version);
    if (stage_restore(s, plan, &found, e)) return -1;
    s->row->plan_hash = plan;
    if (!found) { /* results of a lost attempt do not count */
        for (size_t j = 0; j < JUDGES; j++) s->reached[j] = (struct moment_known){ { COLUMN_NO_INT, COLUMN_NO_INT } };
        s->row->t_mem = s->row->t_gen = COLUMN_NO_INT;
        s->row->epochs_done = 0;
        s->row->seconds = 0;
    }
    s->due = ARENA_NEW(s->run->arena, s->watch.moments + 1, int64_t);
    if (store_begin(s->run->store, s->run->row, s->row, found, e)) return -1;
    if (!found && stage_continue(s, &found, e)) return -1;
    find_due(s);
    real *theta = found ? ARENA_NEW(s->run->arena, s->data.layout.n, real) : t->state.theta;
    if (starting_weights(s, found, theta, found ? NULL : t->state.scores, &held, e)) return -1;
    if (held) train_hold(t, s->mask, s->run->arena);
    open_endings(s);
    if (found) ancestors_mark(s->run, s->row, &s->watch, s->reached); /* what is stored is told again */
    const struct measuring_job measuring = { .store = s->run->store,
                                             .row = s->row,
                                             .spec = &s->spec,
                                             .data = &s->data,
                                             .watch = &s->watch,
                                             .measure = s->watch.measure,
                                             .measures = s->watch.measures,
                                             .hooks = s->run->hooks,
                                             .arena = s->run->arena };
    if (measuring_open(&s->measuring, &measuring, e)) return -1;
    for (size_t slot = 0; found && slot < watch_slots(&s->watch); slot++) /* what has been lost of them */
        if (stage_is_past(s, &s->resumed, slot) && measuring_checkpoint(s->measuring, slot, e))
            return save_if_stopped(s, e);
    return 0;
}

/* The last slot holds the weights of an end that has no regular one. */
static int put_end(struct stage *s, struct err *e)
{
    const struct train_state *state = &s->trainer.state;
    if (state->at == s->watch.epochs || watch_epoch_slot(&s->watch, state->at) != SIZE_MAX) return 0;
    return put_checkpoint(s, watch_end_slot(&s->watch, state->at), watch_milestone(&s->watch, state->at), state, e);
}

/* The row's results are those of its own end, which may lie before the last that was asked for. */
static void take_end(struct stage *s)
{
    struct store_row *r = s->row;
    r->end = s->trainer.state.at;
    memset(r->ended_by, 0, sizeof r->ended_by);
    if (!s->endings) return;
    const struct ending *own = &s->ending[0];
    memcpy(r->stop, own->text, sizeof r->stop);
    if (own->epoch < 0) return;
    r->end = own->epoch;
    memcpy(r->ended_by, own->by, sizeof r->ended_by);
    if (!own->by[0]) return;
    r->t_mem = own->known.epoch[MOMENT_MEM];
    r->t_gen = own->known.epoch[MOMENT_GEN];
    r->train_loss = own->value[0];
    r->train_accuracy = own->value[1];
    r->test_loss = own->value[2];
    r->test_accuracy = own->value[3];
}

/* Slots of moments that never came say so. */
static int close_slots(struct stage *s, struct err *e)
{
    const int64_t never = COLUMN_NO_INT;
    for (size_t slot = s->watch.checkpoints; slot < watch_slots(&s->watch); slot++)
        if (!store_has(s->run->store, s->row, ARRAY_CHECKPOINT_EPOCH, slot) &&
            store_put(s->run->store, s->row, ARRAY_CHECKPOINT_EPOCH, slot, &never, sizeof never, e))
            return -1;
    return 0;
}

static int keep_end(struct stage *s, struct err *e)
{
    bool unreached = s->trainer.state.at < s->watch.epochs;
    for (size_t j = 0; j < s->watch.judges; j++) unreached |= s->reached[j].epoch[MOMENT_GEN] < 0;
    s->row->keeps = s->watch.epochs > 0 &&
                    (s->run->end_state == WATCH_END_ALL || (s->run->end_state == WATCH_END_UNREACHED && unreached));
    return s->row->keeps ? stage_save_end(s, e) : 0;
}

int job_stages(const struct job_run *run, const struct job_spec *spec, const struct watch *watch,
               struct store_row *row, struct err *e)
{
    struct stage *s = ARENA_NEW(run->arena, 1, struct stage);
    *s = (struct stage){ .run = run, .row = row, .spec = *spec, .watch = *watch };
    s->began = s->saved = clock_wall();
    s->show_at = s->began + SHOW_EVERY;
    const struct train_hooks hooks = { .ctx = s,
                                       .evaluated = on_evaluated,
                                       .checkpoint = on_checkpoint,
                                       .want_checkpoint = on_want_checkpoint,
                                       .is_over = on_over,
                                       .tick = on_tick };
    if (job_data_build(&s->data, spec, run->inputs, run->arena, e) || watch_check(watch, spec, &s->data.layout, e))
        return -1;
    convert_data(&s->data.set, run->arena);
    if (start(s, e)) return -1;
    int rc = train_run(&s->trainer, &hooks, e);
    row->epochs_done = s->trainer.state.at;
    if (!rc) rc = put_end(s, e) || close_slots(s, e) || finish_measures(s, e) || keep_end(s, e) ? -1 : 0;
    if (!rc) take_end(s);
    row->seconds = s->spent + clock_wall() - s->began;
    row->steps_done = s->trainer.state.step;
    row->tau_grok = judge_tau(row->t_mem, row->t_gen);
    if (rc && e->kind != ERR_DIVERGED) return -1;
    struct err late = { 0 };
    if (stage_put_series(s, &late) || close_slots(s, &late)) {
        *e = late;
        return -1;
    }
    return rc;
}
