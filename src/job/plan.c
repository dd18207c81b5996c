#include "job/planner.h"
#include "job/registry.h"
#include "sweep/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- jobs by id ---- */

static uint32_t *find_slot(const struct planner *p, struct id id)
{
    size_t i = id.low & (p->slots - 1);
    while (p->slot[i] && !id_equal(p->plan->job[p->slot[i] - 1].id, id)) i = (i + 1) & (p->slots - 1);
    return &p->slot[i];
}

static void grow_slots(struct planner *p)
{
    if (2 * (p->plan->jobs + 1) < p->slots) return;
    free(p->slot);
    p->slots = p->slots ? 2 * p->slots : 1024;
    p->slot = calloc(p->slots, sizeof *p->slot);
    if (!p->slot) die("out of memory for %zu jobs", p->plan->jobs);
    for (size_t i = 0; i < p->plan->jobs; i++) *find_slot(p, p->plan->job[i].id) = (uint32_t)i + 1;
}

static int merge_watch(struct planner *p, struct plan_job *job, uint32_t watch, struct mark at)
{
    if (job->watch == watch) return 0;
    struct watch merged = p->plan->watch[job->watch];
    struct err e = { 0 };
    if (watch_merge(&merged, &p->plan->watch[watch], p->arena, &e)) return planner_report(p, at, NULL, &e);
    job->watch = planner_add_watch(p, &merged);
    return 0;
}

static const struct plan_gate no_gate = { .after = PLAN_NONE };

/* Who is asked for in two ways is trained in any case. */
static void merge_gate(struct plan_job *job, const struct plan_gate *gate)
{
    if (job->gate.after == gate->after && job->gate.goal == gate->goal &&
        (gate->after == PLAN_NONE || judge_equal(&job->gate.judge, &gate->judge)))
        return;
    if (job->gate.after == PLAN_NONE) job->gate = *gate;
    job->gate.open = true;
}

static const char *block_name(const struct sweep_part *part)
{
    return part->name && part->name[0] ? part->name : part->kind->name;
}

/* Add the job if it is new; a job that is there already is recorded as both want it.  PLAN_NONE after an error. */
static uint32_t add_job(struct planner *p, const struct job_spec *s, const struct sweep_point *point, uint32_t parent,
                        uint32_t shape, uint32_t watch)
{
    struct plan *plan = p->plan;
    struct buf *text = &p->text, inputs = { 0 };
    buf_clear(text);
    spec_print_job(s, buf_chars(s == &p->parent ? &p->parent_text : &p->own_text), text);
    struct mark at = sweep_grid_mark(plan->sweep, p->grid);
    uint32_t index = PLAN_NONE;
    const bool first_of_its_own = s != &p->parent && (parent == PLAN_NONE || plan->job[parent].parent == PLAN_NONE);
    const struct plan_gate gate = first_of_its_own ? p->gate : no_gate;
    if (text->length >= STORE_CANONICAL) {
        struct err e = { 0 };
        err_set(&e, ERR_SPEC, "the description of a job is longer than %d characters", STORE_CANONICAL - 1);
        planner_report(p, at, NULL, &e);
        goto out;
    }
    struct id id = id_of(text->bytes, text->length);
    grow_slots(p);
    uint32_t *slot = find_slot(p, id);
    if (*slot) index = *slot - 1;
    if (p->looking) goto out;
    if (*slot) {
        if (s != &p->parent) merge_gate(&plan->job[index], &gate);
        if (merge_watch(p, &plan->job[index], watch, at)) index = PLAN_NONE;
        goto out;
    }
    plan->job = planner_grow(p->arena, plan->job, plan->jobs, sizeof *plan->job);
    p->used_by = planner_grow(p->arena, p->used_by, plan->jobs, sizeof *p->used_by);
    spec_print_inputs(s, &inputs);
    const struct sweep_part *training = &point->part[SECTION_TRAINING];
    if (parent == PLAN_NONE && s == &p->parent && point->part[SECTION_PARENT_TRAINING].name)
        training = &point->part[SECTION_PARENT_TRAINING];
    index = (uint32_t)plan->jobs++;
    *slot = index + 1;
    p->used_by[index] = 0;
    plan->job[index] =
        (struct plan_job){ .id = id,
                           .canonical = arena_text(p->arena, text->bytes, text->length),
                           .inputs = inputs.length ? arena_text(p->arena, inputs.bytes, inputs.length) : "",
                           .task = block_name(&point->part[SECTION_TASK]),
                           .model = block_name(&point->part[SECTION_MODEL]),
                           .training = block_name(training),
                           .control = s == &p->own && point->part[SECTION_CONTROL].name
                                          ? block_name(&point->part[SECTION_CONTROL])
                                          : s->control->name,
                           .parent = parent,
                           .grid = (uint32_t)p->grid,
                           .watch = watch,
                           .shape = shape,
                           .t = s->t,
                           .judge = { s->eval_every, s->threshold },
                           .rewind = s->rewind,
                           .k = spec_uses(s) & USES_K ? s->k : (double)NAN,
                           .round = parent == PLAN_NONE ? 0 : plan->job[parent].round + 1,
                           .gate = gate };
out:
    buf_release(&inputs);
    return index;
}

/* ---- one point ---- */

static const struct sweep_value *find_key(const struct sweep_point *point, const char *key)
{
    for (size_t i = 0; i < point->keys; i++)
        if (!strcmp(point->key[i].field->key, key)) return &point->key[i];
    return NULL;
}

static int missing_key(struct planner *p, const struct job_spec *s, const char *key, const char *what)
{
    struct err e = { 0 };
    err_set(&e, ERR_SPEC, "control '%s' needs '%s': %s", s->control->name, key, what);
    return planner_report(p, sweep_grid_mark(p->plan->sweep, p->grid), NULL, &e);
}

static void bind_rounds(struct planner *p, const struct sweep_point *point, struct job_spec *s)
{
    const struct sweep_value *iterate = find_key(point, "iterate"), *rewind = find_key(point, "rewind");
    p->rounds = 1;
    p->rewind = 0;
    if (iterate && spec_uses(s) & USES_ROUNDS) MUST(number_int(iterate->text, &p->rounds));
    if (rewind && (spec_uses(s) & USES_REWIND || p->rounds > 1)) MUST(number_int(rewind->text, &p->rewind));
    if (spec_uses(s) & USES_REWIND) s->rewind = p->rewind;
}

static int bind_keys(struct planner *p, const struct sweep_point *point, struct job_spec *s)
{
    const struct sweep_value *seed = find_key(point, "seed"), *t = find_key(point, "t"), *k = find_key(point, "k"),
                             *scope = find_key(point, "scope"), *ties = find_key(point, "ties");
    int64_t seed_value = 0;
    if (seed) MUST(number_int(seed->text, &seed_value));
    s->seed = (uint64_t)seed_value;
    s->scope = scope && !strcmp(scope->text, scope_names[SCOPE_TENSOR]) ? SCOPE_TENSOR : SCOPE_GLOBAL;
    s->ties = TIES_PRUNE;
    s->t = T_NONE;
    s->rewind = 0;
    unsigned uses = spec_uses(s);
    if (uses & USES_TIES) s->ties = (int)(ties ? ties_find(ties->text) : TIES_DRAW);
    if (uses & USES_K && !k) return missing_key(p, s, "k", "the fraction of weights to remove, in [0, 1)");
    if (k) MUST(number_real(k->text, &s->k));
    if (!(uses & USES_PARENT)) return 0;
    if (!t) return missing_key(p, s, "t", "the parent's epoch to draw from: a number, mem, gen or final");
    s->t = t_parse(t->text);
    bind_rounds(p, point, s);
    return 0;
}

/* The value of t or rewind must be an epoch whose weights the job that keeps w stores. */
static int check_epoch(struct planner *p, const struct sweep_value *v, int64_t epoch, const struct watch *w)
{
    struct err e = { 0 };
    if (watch_slot(w, epoch, &w->judge[0]) != SIZE_MAX) return 0;
    if (epoch > w->epochs)
        err_set(&e, ERR_SPEC, "%s is %" PRId64 ", but the parent trains for %" PRId64 " epochs", v->field->key, epoch,
                w->epochs);
    else
        err_set(&e, ERR_SPEC,
                "%s is %" PRId64 ", which is no checkpoint; add it to checkpoint.at, or let checkpoint.every"
                " (%" PRId64 ") divide it",
                v->field->key, epoch, p->recording.every);
    return planner_report(p, v->at, v->path, &e);
}

/* What s->t means for a parent that keeps w; ERR_SPEC if it keeps no weights there. */
static int resolve_t(struct planner *p, const struct sweep_point *point, const struct watch *w, struct job_spec *s)
{
    if (s->t == T_FINAL) s->t = w->epochs;
    s->eval_every = w->judge[0].eval_every;
    s->threshold = w->judge[0].threshold;
    return check_epoch(p, find_key(point, "t"), s->t, w);
}

/* The parent has been there before t, so whoever may use its weights at t may use these. */
static int check_rewind(struct planner *p, const struct sweep_point *point)
{
    const struct sweep_value *v = find_key(point, "rewind");
    const struct watch *w = &p->plan->watch[p->parent_watch];
    int64_t t = p->own.t == T_FINAL ? w->epochs : p->own.t;
    struct err e = { 0 };
    if (p->rewind == 0) return 0;
    if (check_epoch(p, v, p->rewind, w)) return -1;
    if (t < 0 || p->rewind <= t) return 0;
    err_set(&e, ERR_SPEC, "rewind is %" PRId64 ", which is later than t (%" PRId64 ")", p->rewind, t);
    return planner_report(p, v->at, v->path, &e);
}

/* Every round removes the same fraction of what is left, and the last ends at k.  Nine decimals are far more than a
 * mask needs, and few enough for rounds of two sweeps that mean the same rate to be the same job. */
static double round_rate(double k, int64_t round, int64_t rounds)
{
    return nearbyint((1 - pow(1 - k, (double)round / (double)rounds)) * 1e9) / 1e9;
}

/* A round before the last: a ticket of the round before it. */
static uint32_t add_round(struct planner *p, const struct sweep_point *point, uint32_t parent, int64_t round)
{
    struct job_spec *s = &p->middle;
    if (round == 1) *s = p->own;
    s->control = &REAL_NAME(control_ticket).kind;
    memset(s->control_config, 0, sizeof s->control_config);
    s->k = round_rate(p->own.k, round, p->rounds);
    s->t = p->own.t;
    s->rewind = p->rewind;
    s->parent = p->plan->job[parent].id;
    if (resolve_t(p, point, &p->plan->watch[round == 1 ? p->parent_watch : p->own_watch], s)) return PLAN_NONE;
    return add_job(p, s, point, parent, p->own_shape, p->own_watch);
}

/* The dense job, the rounds between, and the job itself: the last round. */
static uint32_t add_lineage(struct planner *p, const struct sweep_point *point)
{
    struct job_spec *s = &p->own;
    if (check_rewind(p, point)) return PLAN_NONE;
    p->parent.seed = s->seed;
    uint32_t parent = add_job(p, &p->parent, point, PLAN_NONE, p->parent_shape, p->parent_watch);
    for (int64_t round = 1; round < p->rounds && parent != PLAN_NONE; round++)
        parent = add_round(p, point, parent, round);
    if (parent == PLAN_NONE) return PLAN_NONE;
    s->parent = p->plan->job[parent].id;
    if (resolve_t(p, point, &p->plan->watch[p->rounds == 1 ? p->parent_watch : p->own_watch], s)) return PLAN_NONE;
    return add_job(p, s, point, parent, p->job_shape, p->own_watch);
}

static void use_job(struct planner *p, uint32_t job)
{
    struct plan *plan = p->plan;
    if (p->used_by[job] == p->grid + 1) return;
    p->used_by[job] = (uint32_t)p->grid + 1;
    plan->use = planner_grow(p->arena, plan->use, plan->uses, sizeof *plan->use);
    const struct judge *judge = &plan->watch[p->own_watch].judge[0];
    plan->use[plan->uses++] = (struct store_use){ (uint32_t)p->grid, job, judge->threshold, judge->eval_every };
}

static uint32_t add_jobs(struct planner *p, const struct sweep_point *point)
{
    if (spec_has_parent(&p->own)) return add_lineage(p, point);
    return add_job(p, &p->own, point, PLAN_NONE, p->job_shape, p->own_watch);
}

/* The nearest probe before the point's: excludes may have left it out. */
static struct plan_gate find_gate(struct planner *p, const struct sweep_point *point)
{
    const struct sweep_value *k = find_key(point, "k"), *v = k;
    const int64_t t = p->own.t;
    const double own_k = p->own.k;
    struct plan_gate gate = no_gate;
    p->looking = true;
    while (v && v->before && gate.after == PLAN_NONE) {
        v = v->before;
        MUST(number_real(v->text, &p->own.k));
        p->own.t = t;
        gate.after = add_jobs(p, point);
    }
    p->looking = false;
    p->own.k = own_k;
    p->own.t = t;
    if (gate.after == PLAN_NONE) return gate;
    gate.goal = t_parse(k->goal);
    gate.judge = p->plan->watch[p->own_watch].judge[0];
    return gate;
}

static int add_point(void *ctx, const struct sweep_point *point)
{
    struct planner *p = ctx;
    if (!planner_bind(p, point)) return p->grid_errors > GRID_ERRORS;
    struct job_spec *s = &p->own;
    if (bind_keys(p, point, s)) return p->grid_errors > GRID_ERRORS;
    const struct sweep_value *mirrors = find_key(point, "mirrors");
    if ((!mirrors || !strcmp(mirrors->text, "refuse")) && planner_mirrored(p, point))
        return p->grid_errors > GRID_ERRORS;
    p->gate = find_gate(p, point);
    uint32_t job = add_jobs(p, point);
    if (job == PLAN_NONE) return p->grid_errors > GRID_ERRORS;
    p->plan->job[job].asked = true;
    use_job(p, job);
    return 0;
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
    plan->family = planner_grow(p->arena, plan->family, plan->families, sizeof *plan->family);
    plan->family[plan->families] = made;
    return (uint32_t)plan->families++;
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
            known = planner_grow(p->arena, known, count, sizeof *known);
            known[count++] = (struct known){ job->shape, job->watch, add_family(p, job->shape, job->watch) };
        }
        job->family = known[k].family;
    }
}

int plan_record_also(struct plan *plan, size_t job, const struct watch *before, struct arena *a, struct err *e)
{
    struct planner p = { .plan = plan, .arena = a };
    struct plan_job *j = &plan->job[job];
    struct watch both = plan->watch[j->watch], other = *before;
    size_t room = JUDGES - both.judges;
    other.judges = 0;
    for (size_t i = 0; i < before->judges; i++) {
        const bool has = watch_has_judge(&both, &before->judge[i]);
        if (has || room > 0) other.judge[other.judges++] = before->judge[i];
        room -= !has && room > 0;
    }
    if (watch_merge(&both, &other, a, e)) return -1;
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
    *p = (struct planner){ .plan = out, .arena = a, .errors = errors };
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
    }
    free(p->slot);
    buf_release(&p->own_text);
    buf_release(&p->parent_text);
    buf_release(&p->text);
    if (errors->seen > seen) {
        report_sort(&(struct sink){ file, errors, first });
        return -1;
    }
    find_families(p);
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

int64_t plan_epochs(const struct plan *p, size_t job)
{
    return p->watch[p->job[job].watch].epochs;
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
    char id[ID_CHARS + 1], t[24];
    if (spec_parse(job->canonical, &s, &e)) BUG("canonical text does not parse: %s", e.text);
    s.round = job->round;
    spec_columns(&size);
    MUST(size <= sizeof spec_row);
    spec_fill_columns(&s, spec_row);
    memset(out, 0, sizeof *out);
    struct store_row *r = &out->row;
    *r = (struct store_row){ .seed = (int64_t)s.seed,
                             .t = s.t >= 0 ? s.t : COLUMN_NO_INT,
                             .epochs = s.training.epochs,
                             .t_mem = COLUMN_NO_INT,
                             .t_gen = COLUMN_NO_INT,
                             .rank = COLUMN_NO_INT,
                             .k = job->k,
                             .eval_every = p->watch[job->watch].judge[0].eval_every,
                             .threshold = p->watch[job->watch].judge[0].threshold,
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
    put(r->control, sizeof r->control, job->control);
    put(r->task, sizeof r->task, job->task);
    put(r->model, sizeof r->model, job->model);
    put(r->training, sizeof r->training, job->training);
    put(r->sweep, sizeof r->sweep, p->grid[job->grid].sweep);
    put(r->grid, sizeof r->grid, p->grid[job->grid].name);
    put(r->t_asked, sizeof r->t_asked, t_text(s.t, t));
    put(r->length_unit, sizeof r->length_unit, "epoch");
    out->spec = spec_row;
    out->canonical = job->canonical;
    out->inputs = job->inputs;
}
