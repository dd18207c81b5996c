#include "base/text.h"
#include "base/vec.h"
#include "job/inputs.h"
#include "job/keys.h"
#include "job/measures.h"
#include "job/planner.h"
#include "job/registry.h"
#include "job/trainer.h"
#include "task/task.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- sections -> structs ---- */

static int set_values(const struct sweep_part *part, const struct field *common, void *common_config, void *config,
                      struct planner *p)
{
    for (size_t i = 0; i < part->count; i++) {
        const struct sweep_value *v = &part->value[i];
        bool shared = field_find(common, v->field->key) == v->field;
        struct err e = { 0 };
        if (!shared && part->kind && part->kind->own_keys && !field_find(part->kind->fields, v->field->key)) continue;
        if (field_set(v->field, shared ? common_config : config, v->text, &e))
            return planner_report(p, v->at, v->path, &e);
    }
    return 0;
}

static int bind_kind(const struct sweep_part *part, const struct kind **kind, char *config,
                     const struct field *common, void *common_config, struct planner *p)
{
    memset(config, 0, CONFIG_BYTES);
    MUST(part->kind->config_size <= CONFIG_BYTES);
    *kind = part->kind;
    field_defaults(part->kind->fields, config);
    if (common) field_defaults(common, common_config);
    return set_values(part, common, common_config, config, p);
}

/* A relative path starts at the folder of the grid's sweep file; the store keeps the absolute one. */
static int resolve_path(const struct planner *p, char *place, size_t size, struct err *e)
{
    char path[PATH_MAX], full[PATH_MAX];
    const char *slash = strrchr(p->file, '/');
    int folder = place[0] == '/' || !slash ? 0 : (int)(slash - p->file + 1);
    const bool fits = text_print(path, sizeof path, "%.*s%s", folder, p->file, place);
    const char *best = fits && realpath(path, full) ? full : path;
    if (fits && text_copy(place, size, best, sizeof full)) return 0;
    return err_set(e, ERR_SPEC, "the path '%s' comes to more than %zu characters; a link may shorten it",
                   fits ? text_shown(best, 200) : place, size - 1);
}

/* What is wrong with a task's file is said where its path is given; what is wrong with some file, at the first path;
 * what is wrong with a key, there. */
static int report_task(struct planner *p, const struct sweep_part *part, const struct job_spec *s, bool some,
                       struct err *e)
{
    const struct sweep_value *path = NULL;
    for (size_t i = 0; i < part->count; i++) {
        const struct sweep_value *v = &part->value[i];
        if (e->path[0] && !strcmp(v->field->key, e->path)) path = v;
        if (v->field->type != FIELD_PATH) continue;
        if (!strcmp(s->task_config + v->field->offset, e->file) || (some && !path)) path = v;
    }
    e->path[0] = '\0';
    return planner_report(p, path ? path->at : part->at, path ? path->path : NULL, e);
}

/* Of two keys that say the same thing, one may be given. */
static int check_counts(const struct sweep_part *part, struct planner *p)
{
    const struct sweep_value *train = NULL, *fraction = NULL;
    struct err e = { 0 };
    for (size_t i = 0; i < part->count; i++) {
        const char *key = part->value[i].field->key;
        if (!strcmp(key, "train") && strcmp(part->value[i].text, "0") != 0) train = &part->value[i];
        if (!strcmp(key, "train_fraction")) fraction = &part->value[i];
    }
    if (!train || !fraction) return 0;
    err_set(&e, ERR_SPEC,
            "'train' and 'train_fraction' both say how many examples are trained on: leave one of the two out");
    return planner_report(p, train->at, train->path, &e);
}

static int bind_task(const struct sweep_part *part, struct job_spec *s, struct planner *p)
{
    struct err e = { 0 };
    if (bind_kind(part, &s->task, s->task_config, task_fields, &s->common, p) || check_counts(part, p)) return -1;
    for (const struct field *f = s->task->fields; f->key; f++)
        if (f->type == FIELD_PATH && s->task_config[f->offset] && !e.kind)
            resolve_path(p, s->task_config + f->offset, f->count, &e);
    if (!e.kind && !planner_task(p, part, s, &e) && !spec_digest(s, &e)) return 0;
    return report_task(p, part, s, true, &e);
}

static int bind_input(const struct sweep_part *part, struct input *in, struct planner *p)
{
    memset(in, 0, sizeof *in);
    if (!part->name) return 0;
    if (set_values(part, NULL, NULL, in, p)) return -1;
    struct err e = { 0 };
    if (!in->file[0])
        err_set(&e, ERR_SPEC, "'file' must be given");
    else if (!resolve_path(p, in->file, sizeof in->file, &e) && in->names[0])
        UNLOOKED(resolve_path(p, in->names, sizeof in->names, &e));
    return e.kind ? planner_report(p, part->at, NULL, &e) : 0;
}

static int bind_recording(const struct sweep_point *point, struct planner *p)
{
    struct recording *r = &p->recording;
    memset(r, 0, sizeof *r);
    field_defaults(recording_fields(), r);
    field_defaults(recording_checkpoint_fields, r);
    return set_values(&point->part[SECTION_RECORD], NULL, NULL, r, p) ||
           set_values(&point->part[SECTION_CHECKPOINT], NULL, NULL, r, p);
}

/* The name becomes part of a path in the store. */
static int check_name(const char *name, const struct kind *kind, struct err *e)
{
    const struct kind *same = registry_find(PLUGIN_MEASURE, name);
    if (name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")])
        return err_set(e, ERR_SPEC, "measure '%s': allowed in its name: letters, digits, '_' and '-'", name);
    if (same && same != kind)
        return err_set(e, ERR_SPEC, "measure '%s' is of kind %s, but its name is that of another kind", name,
                       kind->name);
    return 0;
}

/* An entry of `measures:`, or a kind as it is. */
static int bind_measure(struct planner *p, const char *name, struct watch_measure *out, struct err *e)
{
    struct sweep_part block = { .count = 0 };
    field_defaults(recording_measure_fields, out);
    out->name = arena_text(p->arena, name, strlen(name));
    out->kind = sweep_block(p->plan->sweep, p->grid, RECORDING_MEASURES, name, &block)
                    ? block.kind
                    : registry_find(PLUGIN_MEASURE, name);
    MUST(out->kind); /* the sweep knows its words */
    if (check_name(name, out->kind, e)) return -1;
    void *config = arena_alloc(p->arena, out->kind->config_size);
    field_defaults(out->kind->fields, config);
    for (size_t i = 0; i < block.count; i++) {
        const bool shared = field_find(recording_measure_fields, block.value[i].field->key) == block.value[i].field;
        if (field_set(block.value[i].field, shared ? (void *)out : config, block.value[i].text, e)) return -1;
    }
    out->options = measure_options(out->kind, config, p->arena);
    return 0;
}

/* Those that this program lacks apart. */
static int bind_measures(struct planner *p, struct watch *w, struct mark at)
{
    char name[FIELD_WORD];
    size_t count = 0;
    int rc = 0;
    for (const char *s = p->recording.measures; field_next_word(&s, name);) count++;
    struct watch_measure *list = ARENA_NEW(p->arena, count, struct watch_measure);
    struct watch_measure *absent = ARENA_NEW(p->arena, count, struct watch_measure);
    w->measure = list;
    w->absent = absent;
    for (const char *s = p->recording.measures; field_next_word(&s, name);) {
        struct err e = { 0 };
        struct watch_measure m;
        if (bind_measure(p, name, &m, &e))
            rc = planner_report(p, at, "record.measures", &e);
        else if (registry_measure(m.kind->name)->missing)
            absent[w->absents++] = m;
        else
            list[w->measures++] = m;
    }
    return rc;
}

/* Do they mean anything for these networks? */
static int check_measures(struct planner *p, const struct sweep_point *point, const struct job_spec *s,
                          const struct watch *w, const struct plan_shape *shape)
{
    struct arena_mark m = arena_mark(p->arena);
    const struct sweep_part *record = &point->part[SECTION_RECORD];
    struct err e = { 0 };
    int rc = 0;
    for (size_t i = 0; i < w->measures + w->absents && !rc; i++) {
        struct measure_setup set;
        const struct watch_measure *is = i < w->measures ? &w->measure[i] : &w->absent[i - w->measures];
        measure_set_up(&set, is, s, &shape->layout, &shape->task, p->arena);
        rc = measure_fits(&set, &e);
    }
    arena_rewind(p->arena, m);
    return rc ? planner_report(p, record->at, "record.measures", &e) : 0;
}

static int set_stop(struct planner *p, const struct sweep_part *record, struct watch *w)
{
    struct err e = { 0 };
    for (const struct sweep_value *v = record->value; v < record->value + record->count; v++)
        if (!strcmp(v->field->key, "stop") && watch_set_stop(w, p->recording.stop, p->arena, &e))
            return planner_report(p, v->at, v->path, &e);
    return 0;
}

static int make_watch(struct planner *p, const struct sweep_point *point, struct network *n)
{
    struct watch w = { .measures = 0 };
    struct err e = { 0 };
    struct arena_mark m = arena_mark(p->arena);
    const struct sweep_part *record = &point->part[SECTION_RECORD];
    struct mark at = record->name ? record->at : sweep_grid_mark(p->plan->sweep, p->grid);
    const struct watch_job job = { n->spec.training.epochs, n->epoch_steps, false, spec_judges_by_loss(&n->spec) };
    int rc = watch_make(&w, &p->recording, &job, p->arena, &e);
    rc = rc ? planner_report(p, e.path[0] ? at : point->part[SECTION_CHECKPOINT].at, "checkpoint.at", &e)
            : set_stop(p, record, &w);
    if (bind_measures(p, &w, at) || rc) return -1;
    size_t before = p->plan->watches;
    n->watch = planner_add_watch(p, &w);
    if (p->plan->watches == before) arena_rewind(p->arena, m);
    return 0;
}

uint32_t planner_in_steps(struct planner *p, const struct network *n)
{
    const struct watch natural = p->plan->watch[n->watch];
    const struct watch_job job = { n->spec.training.epochs, n->epoch_steps, true, natural.by_loss };
    struct watch w;
    struct err e = { 0 };
    if (natural.clock) return n->watch;
    if (watch_make(&w, &p->recording, &job, p->arena, &e) || watch_set_stop(&w, p->recording.stop, p->arena, &e)) {
        planner_report(p, sweep_grid_mark(p->plan->sweep, p->grid), NULL, &e);
        return PLAN_NONE;
    }
    w.measure = natural.measure;
    w.measures = natural.measures;
    w.absent = natural.absent;
    w.absents = natural.absents;
    return planner_add_watch(p, &w);
}

/* ---- shapes ---- */

/* What else the arrays of two jobs with the same networks depend on. */
static bool same_state(const struct job_spec *a, const struct job_spec *b)
{
    return a->training.precision == b->training.precision && trainer_vectors(a) == trainer_vectors(b) &&
           (spec_uses(a) & USES_SCORES) == (spec_uses(b) & USES_SCORES);
}

/* What else the time of an epoch depends on. */
static bool same_pace(const struct job_spec *a, const struct job_spec *b)
{
    const struct nothing_config *x = (const void *)a->task_config, *y = (const void *)b->task_config;
    if (a->training.batch.number != b->training.batch.number || spec_is_nothing(a) != spec_is_nothing(b))
        return false;
    return !spec_is_nothing(a) || fabs(x->seconds - y->seconds) <= 0;
}

static uint32_t add_shape(struct planner *p, const struct job_spec *s, const struct layout *l,
                          const struct task_shape *t)
{
    struct plan *plan = p->plan;
    for (size_t i = 0; i < plan->shapes; i++) {
        const struct plan_shape *have = &plan->shape[i];
        if (have->example.model == s->model && same_state(&have->example, s) && same_pace(&have->example, s) &&
            !memcmp(&have->task, t, sizeof *t) && !memcmp(&have->layout, l, sizeof *l))
            return (uint32_t)i;
    }
    *VEC_MORE_IN(p->arena, plan->shape, plan->shapes) = (struct plan_shape){ *s, *l, *t };
    return (uint32_t)plan->shapes - 1;
}

static int read_inputs(struct planner *p, const struct sweep_point *point)
{
    struct job_spec *s = &p->own.spec;
    const struct layout *l = &p->plan->shape[p->own.shape].layout;
    struct err e = { 0 };
    struct arena_mark m = arena_mark(p->arena);
    struct mark at = point->part[SECTION_INIT].at;
    int rc = 0;
    if (s->init.file[0]) {
        rc = input_weights(&s->init, l, NULL, ARENA_NEW(p->arena, l->n, double), p->arena, &e);
        const struct field *scale = field_find(s->model->fields, "init_scale");
        if (!rc && scale && !field_is_default(scale, s->model_config))
            rc = err_set(&e, ERR_SPEC,
                         "'init_scale' has no meaning for weights from a file; leave one of the two out");
    }
    if (!rc && s->mask.file[0]) {
        at = point->part[SECTION_MASK].at;
        rc = input_mask(&s->mask, l, NULL, ARENA_NEW(p->arena, l->n, uint8_t), p->arena, &e);
    }
    arena_rewind(p->arena, m);
    return rc ? planner_report(p, at, NULL, &e) : 0;
}

static int find_shape(struct planner *p, const struct sweep_point *point, struct network *n)
{
    struct job_spec *s = &n->spec;
    struct err e = { 0 };
    struct task_shape shape = { 0 };
    struct layout layout;
    struct task_split split = { 0 };
    struct arena_mark m = arena_mark(p->arena);
    if (s->split.file[0] && input_split(&n->spec.split, &split, NULL, p->arena, &e))
        return planner_report(p, point->part[SECTION_SPLIT].at, NULL, &e);
    if (spec_shape(s, split.n_train, split.n_test, &shape, &e))
        return report_task(p, &point->part[n->task], s, false, &e);
    s->training.batch =
        (struct field_amount){ .number = field_amount_of(&s->training.batch, (int64_t)shape.n_train) };
    n->epoch_steps = spec_epoch_steps(s, shape.n_train);
    s->training.epochs = clock_whole(s->training.epochs, n->epoch_steps);
    const int bad_split = split.n_train ? planner_split(p, s, &split, &shape, point->part[SECTION_SPLIT].at) : 0;
    arena_rewind(p->arena, m);
    if (bad_split) return -1;
    if (planner_expand(p, &point->part[n->model], s, &shape) || planner_tensors(p, &point->part[n->model], s, &shape))
        return -1;
    if (spec_layout(s, &shape, &layout, &e)) return planner_report(p, point->part[n->model].at, NULL, &e);
    if (spec_check_loss(s, &shape, &e)) return planner_report(p, point->part[n->training].at, NULL, &e);
    n->shape = add_shape(p, s, &layout, &shape);
    return 0;
}

/* What is trained, what is recorded of it, and whether its measures go with it.  Where the sections are wrong, only
 * what is wrong with the recording, too. */
static int bind_shape(struct planner *p, const struct sweep_point *point, struct network *n, bool sound)
{
    n->epoch_steps = 1;
    sound = sound && !find_shape(p, point, n);
    if (make_watch(p, point, n) || !sound) return -1;
    return check_measures(p, point, &n->spec, &p->plan->watch[n->watch], &p->plan->shape[n->shape]);
}

static int bind_training(const struct sweep_part *part, struct job_spec *s, struct planner *p)
{
    struct err e = { 0 };
    if (bind_kind(part, &s->optimizer, s->optimizer_config, training_fields, &s->training, p)) return -1;
    if (!lr_schedule_share(&s->training.warmup, s->training.schedule, &e) && s->training.replace &&
        !s->training.batch.number && !(s->training.batch.percent > 0))
        err_set(&e, ERR_SPEC, "'replace' draws batches, and there are none: 'batch' must be given");
    return e.kind ? planner_report(p, part->at, NULL, &e) : 0;
}

/* All sections are looked at, whatever is wrong with one. */
static int bind_sections(struct planner *p, const struct sweep_point *point, struct network *n)
{
    int faults = bind_task(&point->part[n->task], &n->spec, p);
    faults |= bind_kind(&point->part[n->model], &n->spec.model, n->spec.model_config, modelling_fields,
                        &n->spec.modelling, p);
    return faults | bind_training(&point->part[n->training], &n->spec, p);
}

static enum plan_section given(const struct sweep_point *point, enum plan_section parent, enum plan_section own)
{
    return point->part[parent].name ? parent : own;
}

/* What the dense job has of its own.  Files are of the network and the data that the grid itself names. */
static int bind_dense(struct planner *p, const struct sweep_point *point)
{
    struct network *n = &p->dense;
    n->spec = p->own.spec;
    n->shape = p->own.shape;
    n->watch = p->own.watch;
    n->epoch_steps = p->own.epoch_steps;
    n->task = given(point, SECTION_PARENT_TASK, SECTION_TASK);
    n->model = given(point, SECTION_PARENT_MODEL, SECTION_MODEL);
    n->training = given(point, SECTION_PARENT_TRAINING, SECTION_TRAINING);
    if (n->task == SECTION_TASK && n->model == SECTION_MODEL && n->training == SECTION_TRAINING) return 0;
    if (n->task != SECTION_TASK) {
        memset(&n->spec.split, 0, sizeof n->spec.split);
        memset(n->spec.data, 0, sizeof n->spec.data);
    }
    if (n->model != SECTION_MODEL) memset(&n->spec.init, 0, sizeof n->spec.init);
    return bind_sections(p, point, n) || bind_shape(p, point, n, true) ? -1 : 0;
}

static int bind_all(struct planner *p, const struct sweep_point *point)
{
    struct job_spec *s = &p->own.spec;
    const struct sweep_part *part = point->part;
    memset(s, 0, sizeof *s);
    s->control = &REAL_NAME(control_dense).kind; /* until bind_control */
    p->own.task = SECTION_TASK;
    p->own.model = SECTION_MODEL;
    p->own.training = SECTION_TRAINING;
    int faults = bind_sections(p, point, &p->own);
    const struct sweep_section *section = plan_schema()->section;
    for (size_t i = SECTION_INIT; i <= SECTION_MASK; i++)
        faults |= bind_input(&part[i], key_input(key_find(section[i].name, KEY_INPUT), s), p);
    if (bind_recording(point, p) || bind_shape(p, point, &p->own, !faults) || read_inputs(p, point)) return -1;
    return bind_dense(p, point);
}

/* A mask from a file and a control that has no use for it, or the other way round. */
static int check_mask(struct planner *p, struct mark at)
{
    const struct job_spec *s = &p->own.spec;
    const bool takes = spec_uses(s) & USES_MASK, given = s->mask.file[0];
    struct err e = { 0 };
    if (takes == given) return 0;
    if (takes)
        err_set(&e, ERR_SPEC, "control '%s' needs 'mask': {file: F}, the mask that is trained under",
                s->control->name);
    else
        err_set(
            &e, ERR_SPEC,
            "control '%s' takes no mask from a file, and 'mask' gives one; allowed with it: masked, or no control; "
            "others belong in another grid",
            s->control->name);
    return planner_report(p, at, NULL, &e);
}

/* Who gives a mask and says no more wants it trained under. */
static int bind_control(struct planner *p, const struct sweep_part *part)
{
    struct err e = { 0 };
    p->own.spec.control = p->own.spec.mask.file[0] ? &REAL_NAME(control_masked).kind : &REAL_NAME(control_dense).kind;
    memset(p->own.spec.control_config, 0, CONFIG_BYTES);
    if (!part->name) return 0;
    if (strlen(part->name) > PLAN_CONTROL) {
        err_set(&e, ERR_SPEC, "'%s' is too long: the name of a control may have %d characters",
                text_shown(part->name, 40), PLAN_CONTROL);
        return planner_report(p, part->at, NULL, &e);
    }
    if (bind_kind(part, &p->own.spec.control, p->own.spec.control_config, NULL, NULL, p)) return -1;
    if (check_mask(p, part->at)) return -1;
    return trainer_check(&p->own.spec, &e) ? planner_report(p, part->at, NULL, &e) : 0;
}

/* The network's, or that with scores. */
static void find_job_shape(struct planner *p)
{
    p->scored_shape = p->own.shape;
    if (!(spec_uses(&p->own.spec) & USES_SCORES)) return;
    const struct plan_shape network = p->plan->shape[p->own.shape];
    p->scored_shape = add_shape(p, &p->own.spec, &network.layout, &network.task);
}

static void bind_network(struct planner *p, const struct sweep_point *point)
{
    p->bound = true;
    p->failed = bind_all(p, point) != 0;
    if (p->failed) return;
    buf_clear(&p->own.sections);
    buf_clear(&p->dense.sections);
    spec_print_sections(&p->own.spec, &p->own.sections);
    spec_print_sections(&p->dense.spec, &p->dense.sections);
}

bool planner_bind(struct planner *p, const struct sweep_point *point)
{
    bool same = p->bound, same_control = same && p->serial[SECTION_CONTROL] == point->part[SECTION_CONTROL].serial;
    for (size_t i = 0; i < SECTIONS; i++) {
        same = same && (i == SECTION_CONTROL || p->serial[i] == point->part[i].serial);
        p->serial[i] = point->part[i].serial;
    }
    if (!same) bind_network(p, point);
    if (!same || !same_control) p->control_failed = bind_control(p, &point->part[SECTION_CONTROL]) != 0;
    if (p->failed || p->control_failed) return false;
    if (!same || !same_control) find_job_shape(p);
    return true;
}
