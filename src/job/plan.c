#include "base/text.h"
#include "base/vec.h"
#include "job/keys.h"
#include "job/lineage.h"
#include "job/registry.h"
#include "job/trajectory.h"
#include "sweep/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int merge_watch(struct planner *p, struct plan_job *job, uint32_t watch, struct mark at)
{
    if (job->watch == watch) return 0;
    if (p->merged != job->watch || p->other != watch) {
        struct watch merged = p->plan->watch[job->watch];
        struct err e = { 0 };
        if (watch_merge(&merged, &p->plan->watch[watch], p->arena, &e)) return planner_report(p, at, NULL, &e);
        p->merged = job->watch;
        p->other = watch;
        p->both = planner_add_watch(p, &merged);
    }
    job->watch = p->both;
    return 0;
}

/* Let an ancestor keep weights that the link is made from. */
static int keep_moment(struct planner *p, uint32_t ancestor, const struct moment *t, const struct link *link,
                       struct mark at)
{
    const struct judge judge = { link->spec.eval_every, link->spec.threshold };
    struct plan_job *job = &p->plan->job[ancestor];
    struct watch watch = p->plan->watch[job->watch];
    struct err e = { 0 };
    if (watch_slot(&watch, t, &judge) != SIZE_MAX) return 0;
    if (watch_keep(&watch, t, &judge, p->arena, &e)) return planner_report(p, at, NULL, &e);
    job->watch = planner_add_watch(p, &watch);
    return 0;
}

/* The plan's own of that text. */
static const struct moment *add_moment(struct planner *p, const struct moment *t)
{
    const uint32_t i = map_number(&p->moment_of, id_of(t->text, strlen(t->text)));
    if (i == p->moments) {
        struct moment *own = ARENA_NEW(p->arena, 1, struct moment);
        *own = *t;
        *VEC_MORE_IN(p->arena, p->moment, p->moments) = own;
    }
    return p->moment[i];
}

/* A job that something is made from is trained to that moment, whatever else would end it. */
static void train_to(struct planner *p, uint32_t index, const struct moment *t, const struct judge *judge)
{
    struct plan_job *job = &p->plan->job[index];
    struct watch watch = p->plan->watch[job->watch];
    const size_t before = watch.ends;
    const bool is_end = !moment_is_rule(t) && t->epoch >= watch.epochs;
    watch_train_to(&watch, judge, is_end ? "" : add_moment(p, t)->text, p->arena);
    if (watch.ends > before) job->watch = planner_add_watch(p, &watch);
}

static const struct plan_gate no_gate = { .after = PLAN_NONE, .goal = &moment_none };

/* Who is asked for in two ways is trained in any case. */
static void merge_gate(struct plan_job *job, const struct plan_gate *gate)
{
    if (job->gate.after == gate->after && job->gate.goal == gate->goal &&
        (gate->after == PLAN_NONE || judge_equal(&job->gate.judge, &gate->judge)))
        return;
    if (job->gate.after == PLAN_NONE) job->gate = *gate;
    job->gate.open = true;
}

/* ---- jobs ---- */

/* The id of a link whose parent has an id now; its canonical text is in p->text. */
static struct id identify(struct planner *p, struct link *link, uint32_t parent)
{
    if (parent != PLAN_NONE) id_text(p->plan->job[parent].id, link->spec.parent);
    buf_clear(&p->text);
    spec_print_job(&link->spec, buf_chars(&link->network->sections), &p->text);
    return id_of(p->text.bytes, p->text.length);
}

static int too_long(struct planner *p, struct mark at)
{
    struct err e = { 0 };
    if (p->text.length < STORE_TEXT) return 0;
    err_set(&e, ERR_SPEC, "the description of a job is longer than %d characters: %zu", STORE_TEXT - 1,
            p->text.length);
    return planner_report(p, at, NULL, &e);
}

static const char *copy_inputs(struct planner *p, const struct job_spec *s)
{
    struct buf inputs = { 0 };
    spec_print_inputs(s, &inputs);
    const char *copy = inputs.length ? arena_text(p->arena, inputs.bytes, inputs.length) : "";
    buf_release(&inputs);
    return copy;
}

/* Its canonical text is in p->text. */
static uint32_t insert(struct planner *p, const struct sweep_point *point, const struct link *link, struct id id,
                       uint32_t parent)
{
    struct plan *plan = p->plan;
    const struct job_spec *s = &link->spec;
    plan->job = vec_room_in(p->arena, plan->job, plan->jobs, sizeof *plan->job);
    p->used_by = vec_room_in(p->arena, p->used_by, plan->jobs, sizeof *p->used_by);
    p->used_by[plan->jobs] = 0;
    plan->job[plan->jobs] = (struct plan_job){ .id = id,
                                               .canonical = arena_text(p->arena, p->text.bytes, p->text.length),
                                               .inputs = copy_inputs(p, s),
                                               .task = sweep_part_name(&point->part[link->network->task]),
                                               .model = sweep_part_name(&point->part[link->network->model]),
                                               .training = sweep_part_name(&point->part[link->network->training]),
                                               .control = link->control,
                                               .parent = parent,
                                               .grid = (uint32_t)p->grid,
                                               .watch = link->watch,
                                               .shape = link->shape,
                                               .t = add_moment(p, &s->t),
                                               .judge = { s->eval_every, s->threshold },
                                               .rewind = add_moment(p, &s->rewind),
                                               .k = spec_uses(s) & USES_K ? s->k : (double)NAN,
                                               .round = parent == PLAN_NONE ? 0 : plan->job[parent].round + 1,
                                               .gate = no_gate };
    MUST(map_add(&p->job, id, (uint32_t)plan->jobs));
    return (uint32_t)plan->jobs++;
}

/* A job that is there already is recorded as both want it.  PLAN_NONE after an error. */
static uint32_t add_job(struct planner *p, const struct sweep_point *point, struct link *link, uint32_t parent)
{
    const struct mark at = sweep_grid_mark(p->plan->sweep, p->grid);
    const struct id id = identify(p, link, parent);
    uint32_t index;
    if (too_long(p, at)) return PLAN_NONE;
    if (!map_find(&p->job, id, &index)) return insert(p, point, link, id, parent);
    return merge_watch(p, &p->plan->job[index], link->watch, at) ? PLAN_NONE : index;
}

/* Of the jobs that the point itself describes the first waits for a probe, the others for their parents. */
static uint32_t add_lineage(struct planner *p, const struct sweep_point *point, struct lineage *l,
                            const struct plan_gate *gate)
{
    const struct mark at = sweep_grid_mark(p->plan->sweep, p->grid);
    uint32_t job = PLAN_NONE;
    for (size_t i = 0; i < l->count; i++) {
        const size_t before = p->plan->jobs;
        const struct link *link = &l->link[i];
        if (link->keep && (keep_moment(p, job, &link->spec.t, link, at) ||
                           (i == 1 && keep_moment(p, job, &link->spec.rewind, link, at))))
            return PLAN_NONE;
        if (i) train_to(p, job, &link->spec.t, &(struct judge){ link->spec.eval_every, link->spec.threshold });
        job = add_job(p, point, &l->link[i], job);
        if (job == PLAN_NONE) return PLAN_NONE;
        if (i < l->first) continue;
        const struct plan_gate *own = i == l->first ? gate : &no_gate;
        if (p->plan->jobs > before)
            p->plan->job[job].gate = *own;
        else
            merge_gate(&p->plan->job[job], own);
    }
    return job;
}

/* The last of them; PLAN_NONE if the plan lacks one. */
static uint32_t find_lineage(struct planner *p, struct lineage *l)
{
    uint32_t job = PLAN_NONE;
    for (size_t i = 0; i < l->count; i++)
        if (!map_find(&p->job, identify(p, &l->link[i], job), &job)) return PLAN_NONE;
    return job;
}

/* With the recording of the grid itself. */
static void use_job(struct planner *p, uint32_t job, uint32_t watch)
{
    struct plan *plan = p->plan;
    if (p->used_by[job] == p->grid + 1) return;
    p->used_by[job] = (uint32_t)p->grid + 1;
    const struct watch *w = &plan->watch[watch];
    *VEC_MORE_IN(p->arena, plan->use, plan->uses) =
        (struct store_use){ .grid = (uint32_t)p->grid,
                            .job = job,
                            .threshold = w->judge[0].threshold,
                            .spacing = clock_spacing_number(w->clock, w->judge[0].eval_every),
                            .unit = clock_unit(w->clock),
                            .stop = w->end[0].stop,
                            .watch = watch };
}

/* ---- one point ---- */

/* The nearest probe before the point's: excludes may have left it out. */
static struct plan_gate find_gate(struct planner *p, const struct sweep_point *point, struct lineage *l)
{
    const struct sweep_value *k = key_value(point, "k");
    struct plan_gate gate = no_gate;
    for (const struct sweep_value *v = k ? k->before : NULL; v && gate.after == PLAN_NONE; v = v->before)
        if (!lineage_make(p, point, v->text, l)) gate.after = find_lineage(p, l);
    if (!k || gate.after == PLAN_NONE) return gate;
    gate.goal = strcmp(k->goal, moment_mem.text) ? &moment_gen : &moment_mem;
    gate.judge = p->plan->watch[p->own.watch].judge[0];
    return gate;
}

static void note_keys(struct planner *p, const struct sweep_point *point)
{
    const unsigned uses = spec_uses(&p->own.spec);
    for (size_t i = 0; i < point->keys; i++) {
        const struct job_key *key = key_find(point->key[i].field->key, KEY_GRID);
        const size_t k = (size_t)(key - job_keys);
        if (!p->key[k].given) {
            struct sweep_value *first = ARENA_NEW(p->arena, 1, struct sweep_value);
            *first = point->key[i];
            p->key[k].given = first;
        }
        p->key[k].varies |= strcmp(p->key[k].given->text, point->key[i].text) != 0;
        p->key[k].taken |= key_is_used(key, uses);
    }
}

/* Whoever varies a key expects other jobs of it, and so does who names tensors.  One value of others may stand in all
 * grids of a file alike. */
static void check_keys(struct planner *p)
{
    for (size_t k = 0; k < JOB_KEYS && !p->grid_errors; k++) {
        const struct sweep_value *v = p->key[k].given;
        struct err e = { 0 };
        if (p->key[k].taken || !v || !(p->key[k].varies || v->field->type == FIELD_TABLE)) continue;
        err_set(&e, ERR_SPEC,
                "'%s' %schanges nothing: no control of this grid takes it; `tombola kinds` says which do",
                v->field->key, p->key[k].varies ? "has several values and " : "");
        planner_report(p, v->at, v->path, &e);
    }
}

static void plan_point(struct planner *p, const struct sweep_point *point)
{
    struct lineage *l = p->lineage;
    if (!planner_bind(p, point)) return;
    note_keys(p, point);
    const struct plan_gate gate = find_gate(p, point, l);
    if (lineage_make(p, point, NULL, l)) return;
    const struct job_spec *asked = &l->link[l->count - 1].spec;
    if (asked->mirrors == MIRRORS_REFUSE && planner_mirrored(p, point)) return;
    if (planner_split_labels(p, asked, point->part[SECTION_SPLIT].at)) return;
    const uint32_t job = add_lineage(p, point, l, &gate);
    if (job == PLAN_NONE) return;
    p->plan->job[job].asked = true;
    if (gate.after != PLAN_NONE) train_to(p, gate.after, gate.goal, &gate.judge);
    use_job(p, job, l->link[l->count - 1].watch);
}

static int add_point(void *ctx, const struct sweep_point *point)
{
    struct planner *p = ctx;
    plan_point(p, point);
    return p->grid_errors > GRID_ERRORS;
}

/* ---- families ---- */

/* Different shapes may make one family: the sizes of the data are not in its arrays. */
static uint32_t add_family(struct planner *p, uint32_t shape, uint32_t watch)
{
    struct plan *plan = p->plan;
    struct store_family made;
    const struct plan_shape *s = &plan->shape[shape];
    family_describe(&made, &s->example, &s->layout, &s->task, &plan->watch[watch], p->arena);
    for (size_t i = 0; i < plan->families; i++)
        if (!strcmp(plan->family[i].name, made.name)) return (uint32_t)i;
    *VEC_MORE_IN(p->arena, plan->family, plan->families) = made;
    return (uint32_t)plan->families - 1;
}

static void find_families(struct planner *p)
{
    struct known {
        uint32_t shape, watch, family;
    } *known = NULL;
    size_t count = 0, k = 0;
    for (size_t i = 0; i < p->plan->jobs; i++) {
        struct plan_job *job = &p->plan->job[i];
        if (k == count || known[k].shape != job->shape || known[k].watch != job->watch)
            for (k = 0; k < count; k++)
                if (known[k].shape == job->shape && known[k].watch == job->watch) break;
        if (k == count) {
            const uint32_t family = add_family(p, job->shape, job->watch);
            *VEC_MORE_IN(p->arena, known, count) = (struct known){ job->shape, job->watch, family };
        }
        job->family = known[k].family;
    }
}

static struct count plan_length(const struct plan *p, size_t job)
{
    return watch_length(&p->watch[p->job[job].watch]);
}

/* Parents come first. */
static void find_trajectories(struct plan *p)
{
    for (size_t i = 0; i < p->jobs; i++) {
        struct plan_job *job = &p->job[i];
        struct trajectory own, parent = { .length = { 0 } };
        if (job->parent != PLAN_NONE)
            parent = (struct trajectory){ p->job[job->parent].trajectory, plan_length(p, job->parent),
                                          plan_length(p, plan_root(p, job->parent)) };
        trajectory_of(job->canonical, job->parent != PLAN_NONE ? &parent : NULL, &own);
        job->trajectory = own.id;
    }
}

int plan_record_also(struct plan *plan, size_t job, const struct watch *before, int64_t epoch, struct arena *a,
                     struct err *e)
{
    struct planner p = { .plan = plan, .arena = a };
    struct plan_job *j = &plan->job[job];
    struct watch both = plan->watch[j->watch], other = *before;
    const struct moment reached = moment_of(clock_count(before->clock, epoch));
    size_t room = JUDGES - both.judges;
    other.judges = 0;
    for (size_t i = 0; i < before->judges; i++) {
        const bool has = watch_has_judge(&both, &before->judge[i]);
        if (has || room > 0) other.judge[other.judges++] = before->judge[i];
        room -= !has && room > 0;
    }
    if (watch_merge(&both, &other, a, e)) return -1;
    if (epoch > 0) watch_train_to(&both, &both.judge[0], arena_text(a, reached.text, strlen(reached.text)), a);
    j->watch = planner_add_watch(&p, &both);
    j->family = add_family(&p, j->shape, j->watch);
    return 0;
}

static void open_grid(struct planner *p, size_t grid)
{
    p->grid = grid;
    p->file = sweep_grid_file(p->plan->sweep, grid)->path;
    p->bound = p->looked = false;
    p->grid_errors = 0;
    memset(p->key, 0, sizeof p->key);
}

static int check_size(struct planner *p)
{
    struct err e = { 0 };
    for (size_t g = 0; g < sweep_grids(p->plan->sweep); g++) {
        uint64_t points = sweep_grid_points(p->plan->sweep, g);
        p->plan->points = points > UINT64_MAX - p->plan->points ? UINT64_MAX : p->plan->points + points;
        if (p->plan->points <= PLAN_POINTS) continue;
        err_set(&e, ERR_SPEC, "the grids make more than %d points; allowed: %d in one file", PLAN_POINTS,
                PLAN_POINTS);
        open_grid(p, g);
        return planner_report(p, sweep_grid_mark(p->plan->sweep, g), NULL, &e);
    }
    return 0;
}

int plan_make(struct plan *out, const char *file, struct arena *a, struct err_list *errors)
{
    memset(out, 0, sizeof *out);
    const size_t seen = errors->seen, first = errors->count;
    out->sweep = sweep_examine(file, plan_schema(), a, errors);
    if (!out->sweep) return -1;
    struct planner *p = ARENA_NEW(a, 1, struct planner);
    *p = (struct planner){ .plan = out, .arena = a, .errors = errors, .lineage = ARENA_NEW(a, 1, struct lineage) };
    size_t grids = sweep_grids(out->sweep);
    out->grid = ARENA_NEW(a, grids, struct store_grid_name);
    for (size_t g = 0; g < grids; g++)
        out->grid[g] =
            (struct store_grid_name){ sweep_grid_file(out->sweep, g)->name, sweep_grid_name(out->sweep, g) };
    if (check_size(p)) return -1;
    for (size_t g = 0; g < grids; g++) {
        if (errors->seen > seen && !sweep_grid_sound(out->sweep, g)) continue;
        open_grid(p, g);
        sweep_expand(out->sweep, g, add_point, p);
        check_keys(p);
    }
    map_release(&p->job);
    map_release(&p->moment_of);
    buf_release(&p->own.sections);
    buf_release(&p->dense.sections);
    buf_release(&p->text);
    if (errors->seen > seen) {
        report_sort(&(struct sink){ file, errors, first });
        return -1;
    }
    find_families(p);
    find_trajectories(out);
    out->all_jobs = out->jobs;
    return 0;
}

/* ---- facts about a plan ---- */

uint32_t plan_root(const struct plan *p, uint32_t i)
{
    while (p->job[i].parent != PLAN_NONE) i = p->job[i].parent;
    return i;
}

bool plan_is_gated(const struct plan_job *job)
{
    return job->gate.after != PLAN_NONE && !job->gate.open;
}

/* Of several rounds of pruning the first has the gate. */
uint32_t plan_probe_before(const struct plan *p, uint32_t i)
{
    while (p->job[i].gate.after == PLAN_NONE && p->job[i].parent != PLAN_NONE) i = p->job[i].parent;
    return p->job[i].gate.after;
}

size_t plan_waves(const struct plan *p)
{
    size_t waves = 0;
    for (size_t i = 0; i < p->jobs; i++) {
        size_t depth = 1;
        for (uint32_t j = (uint32_t)i; j != PLAN_NONE; depth += j != PLAN_NONE)
            j = plan_is_gated(&p->job[j]) ? p->job[j].gate.after : p->job[j].parent;
        if (depth > waves) waves = depth;
    }
    return waves;
}

double plan_epochs(const struct plan *p, size_t job)
{
    const struct watch *w = &p->watch[p->job[job].watch];
    return (double)w->epochs / (double)clock_epoch(w->clock);
}

static void put(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);
    memcpy(out, text, length < size ? length : size);
}

void plan_describe(void *plan, size_t i, struct store_job *out)
{
    static char spec_row[8192];
    const struct plan *p = plan;
    const struct plan_job *job = &p->job[i];
    struct job_spec s;
    struct err e = { 0 };
    size_t size;
    char id[ID_CHARS + 1];
    if (spec_parse(job->canonical, &s, &e)) BUG("canonical text does not parse: %s", e.text);
    s.round = job->round;
    spec_columns(&size);
    MUST(size <= sizeof spec_row);
    spec_fill_columns(&s, spec_row);
    memset(out, 0, sizeof *out);
    const struct watch *w = &p->watch[job->watch];
    const bool number = s.t.text[0] && !moment_is_rule(&s.t);
    const int64_t t = number ? clock_at(w->clock, moment_number(&s.t)) : COLUMN_NO_INT;
    struct store_row *r = &out->row;
    *r = (struct store_row){ .seed = (int64_t)s.seed,
                             .t = t,
                             .t_mem = COLUMN_NO_INT,
                             .t_gen = COLUMN_NO_INT,
                             .rank = COLUMN_NO_INT,
                             .k = job->k,
                             .end = COLUMN_NO_INT,
                             .plan_version = COLUMN_NO_INT,
                             .k_removed = NAN,
                             .tau_grok = NAN,
                             .train_loss = NAN,
                             .train_accuracy = NAN,
                             .test_loss = NAN,
                             .test_accuracy = NAN,
                             .started = NAN,
                             .ended = NAN,
                             .updated = NAN,
                             .family = job->family,
                             .state = JOB_PENDING };
    put(r->id, sizeof r->id, id_text(job->id, id));
    if (job->parent != PLAN_NONE) put(r->parent, sizeof r->parent, id_text(p->job[job->parent].id, id));
    put(r->trajectory, sizeof r->trajectory, id_text(job->trajectory, id));
    put(r->control, sizeof r->control, job->control);
    put(r->task, sizeof r->task, job->task);
    put(r->model, sizeof r->model, job->model);
    put(r->training, sizeof r->training, job->training);
    put(r->sweep, sizeof r->sweep, p->grid[job->grid].sweep);
    put(r->grid, sizeof r->grid, p->grid[job->grid].name);
    put(r->t_asked, sizeof r->t_asked, s.t.text);
    put(r->stop, sizeof r->stop, w->end[0].stop);
    watch_describe(w, r);
    out->spec = spec_row;
    out->canonical = job->canonical;
    out->inputs = job->inputs;
}
