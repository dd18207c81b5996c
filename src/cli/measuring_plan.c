#include "cli/measuring_plan.h"
#include "base/log.h"
#include "base/map.h"
#include "base/vec.h"
#include "job/inputs.h"
#include "job/plan.h"
#include "job/registry.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct maker {
    struct measuring_plan *out;
    struct store *store;
    struct store_row *row; /* of the whole store */
    const struct plan *sweep;
    bool unfinished; /* those that are not done yet need annexes, too */
    struct input_table *inputs;
    struct err *e;
};

/* ---- which lists there are ---- */

enum { LIST_END = '\f' };

static uint32_t add_list(struct measuring_plan *p, const struct watch_measure *measure, size_t measures)
{
    *VEC_MORE_IN(&p->arena, p->list, p->lists) = (struct measuring_list){ measure, measures };
    for (size_t i = 0; i < measures; i++) measure_print(&measure[i], &p->text);
    buf_print(&p->text, "%c", LIST_END);
    return (uint32_t)p->lists - 1;
}

void measuring_plan_read(struct measuring_plan *out, const char *text)
{
    size_t lists = 0;
    for (const char *s = text; *s; s++) lists += *s == LIST_END;
    out->list = ARENA_NEW(&out->arena, lists, struct measuring_list);
    out->lists = lists;
    for (size_t i = 0; i < lists; i++) {
        const size_t length = strcspn(text, "\f");
        struct err e = { 0 };
        if (measure_parse(arena_text(&out->arena, text, length), &out->list[i].measure, &out->list[i].measures,
                          &out->arena, &e))
            BUG("a list of measures does not parse: %s", e.text);
        text += length + 1;
    }
}

static uint32_t bare_list(struct measuring_plan *p, const struct kind *kind)
{
    struct watch_measure *m = ARENA_NEW(&p->arena, 1, struct watch_measure);
    *m = (struct watch_measure){ .name = kind->name, .kind = kind, .options = "" };
    return add_list(p, m, 1);
}

/* ---- what a job lacks ---- */

/* What stands under the measure's name must be the same measure. */
static int same_measure(struct maker *m, const char *about, const struct watch_measure *want, bool *there)
{
    const struct watch_measure *have;
    size_t count;
    struct arena *a = &m->out->arena;
    *there = false;
    if (measure_parse(about, &have, &count, a, m->e)) return -1;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(have[i].name, want->name) != 0) continue;
        *there = true;
        if (have[i].kind != want->kind || strcmp(have[i].options, want->options) != 0)
            return err_set(
                m->e, ERR_SPEC,
                "the store holds measure '%s' as %s with options '%s', and '%s' is asked for; give it another "
                "name",
                want->name, have[i].kind->name, have[i].options, want->options);
    }
    return 0;
}

static int add_annex(struct maker *m, const struct store_row *r, const struct measure_setup *set,
                     const struct watch *watch)
{
    struct measuring_plan *p = m->out;
    struct arena *a = &p->arena;
    const char *path = measure_path(set->is, a);
    for (size_t i = 0; i < p->annexes; i++)
        if (p->annex[i].family == (size_t)r->family && !strcmp(p->annex[i].path, path)) return 0;
    struct store_annex *annex = ARENA_NEW(a, p->annexes + 1, struct store_annex);
    if (p->annexes) memcpy(annex, p->annex, p->annexes * sizeof *annex);
    struct buf about = { 0 };
    measure_print(set->is, &about);
    const size_t arrays = measure_arrays(set, watch_slots(watch), NULL, a);
    struct store_array *array = ARENA_NEW(a, arrays, struct store_array);
    measure_arrays(set, watch_slots(watch), array, a);
    annex[p->annexes++] = (struct store_annex){ .family = (size_t)r->family,
                                                .path = path,
                                                .about = arena_text(a, about.bytes, about.length),
                                                .array = array,
                                                .arrays = arrays };
    p->annex = annex;
    buf_release(&about);
    return 0;
}

struct verdict {
    bool wanted, means_something;
};

/* One measure of one job: is it recorded, is it complete, can it be? */
static int weigh(struct maker *m, const struct store_row *r, const struct measure_setup *set,
                 const struct watch *watch, struct verdict *v)
{
    const struct store_family *family = store_family(m->store, (size_t)r->family);
    const char *path = measure_path(set->is, &m->out->arena);
    const char *about = store_annex_about(m->store, (size_t)r->family, path);
    bool there;
    struct err why = { 0 };
    if (same_measure(m, family->about, set->is, &there)) return -1;
    v->means_something = v->means_something || there;
    if (there) return 0;
    if (about && same_measure(m, about, set->is, &there)) return -1;
    if (measure_check(set, &why)) return 0;
    v->means_something = true;
    if (there && store_annex_done(m->store, r, path)) return 0;
    v->wanted = true;
    return there ? 0 : add_annex(m, r, set, watch);
}

static int weigh_all(struct maker *m, uint32_t row, const struct measuring_list *list, struct verdict *v)
{
    struct arena *a = &m->out->arena;
    const struct store_row *r = &m->row[row];
    struct job_spec *spec = ARENA_NEW(a, 1, struct job_spec);
    struct job_data *data = ARENA_NEW(a, 1, struct job_data);
    struct task_split split;
    struct watch watch;
    if (job_spec_read(spec, m->store, row, r->id, m->e)) return -1;
    if (spec_is_nothing(spec)) return 0;
    input_add(m->inputs, spec, NULL);
    if (watch_parse(&watch, store_family(m->store, (size_t)r->family), a, m->e) ||
        watch_check(&watch, spec, NULL, m->e) || job_data_shape(data, spec, m->inputs, &split, a, m->e) ||
        watch_check(&watch, spec, &data->layout, m->e))
        return -1;
    for (size_t i = 0; i < list->measures; i++) {
        struct measure_setup *set = ARENA_NEW(a, 1, struct measure_setup);
        measure_set_up(set, &list->measure[i], spec, &data->layout, &data->shape, a);
        if (weigh(m, r, set, &watch, v)) return -1;
    }
    return 0;
}

/* Is there nothing to compute, and no array to be made for it? */
static bool is_complete(const struct maker *m, const struct store_row *r, const struct measuring_list *list)
{
    bool complete = true;
    for (size_t i = 0; i < list->measures && complete; i++)
        complete = r->state == JOB_DONE ? measure_held(m->store, r, &list->measure[i])
                                        : measure_recorded(m->store, (size_t)r->family, &list->measure[i]);
    return complete;
}

static int consider(struct maker *m, uint32_t row, uint32_t list)
{
    struct measuring_plan *p = m->out;
    struct verdict v = { 0 };
    const bool done = m->row[row].state == JOB_DONE;
    if (p->list[list].measures == 0) return 0;
    p->unfinished += !done;
    if (!done && !m->unfinished) return 0;
    if (is_complete(m, &m->row[row], &p->list[list])) {
        p->complete += done;
        return 0;
    }
    struct arena_mark mark = arena_mark(&p->arena);
    const size_t before = p->annexes;
    if (weigh_all(m, row, &p->list[list], &v)) return -1;
    if (p->annexes == before) arena_rewind(&p->arena, mark);
    if (!done) return 0;
    if (v.wanted)
        p->job[p->jobs++] = (struct farm_job){ .label = { .row = row, .from = (uint32_t)list },
                                               .parent = FARM_NO_PARENT,
                                               .after = FARM_NO_PARENT,
                                               .cost = (double)m->row[row].epochs };
    else
        ++*(v.means_something ? &p->complete : &p->meaningless);
    return 0;
}

/* ---- all jobs, or those of a sweep file ---- */

static int consider_store(struct maker *m, const struct kind *kind)
{
    const uint32_t list = bare_list(m->out, kind);
    for (uint32_t row = 0; row < store_rows(m->store); row++)
        if (m->row[row].state != JOB_UNUSED && consider(m, row, list)) return -1;
    return 0;
}

static int consider_sweep(struct maker *m)
{
    const struct plan *plan = m->sweep;
    struct arena *a = &m->out->arena;
    uint32_t *list = ARENA_NEW(a, plan->watches, uint32_t), job;
    struct map job_of = { 0 };
    int rc = 0;
    for (size_t i = 0; i < plan->watches; i++)
        list[i] = add_list(m->out, plan->watch[i].measure, plan->watch[i].measures);
    for (size_t i = 0; i < plan->jobs; i++) map_add(&job_of, plan->job[i].id, (uint32_t)i);
    for (uint32_t row = 0; row < store_rows(m->store) && !rc; row++) {
        struct id id;
        if (m->row[row].state == JOB_UNUSED || !id_parse(m->row[row].id, &id) || !map_find(&job_of, id, &job))
            continue;
        const uint32_t watch = plan->job[job].watch;
        if (m->row[row].state == JOB_DONE) lacks_add(&m->out->lacks, &plan->watch[watch], m->store, &m->row[row], a);
        rc = consider(m, row, list[watch]);
    }
    map_release(&job_of);
    return rc;
}

/* A kind by its name; anything that is a file, or looks like one, is a sweep. */
static int read_what(struct maker *m, const char *what, struct plan *sweep, const struct kind **kind)
{
    *kind = registry_find(PLUGIN_MEASURE, what);
    if (*kind && registry_measure(what)->missing)
        return err_set(m->e, ERR_SPEC, "measure '%s' is not possible here: %s", what,
                       registry_measure(what)->missing);
    if (*kind) return 0;
    if (strpbrk(what, "./") || !access(what, F_OK)) {
        m->sweep = sweep;
        if (!plan_make(sweep, what, &m->out->arena, &m->out->errors)) return 0;
        return err_set(m->e, ERR_SPEC, "'%s' is no sweep that can be run", what);
    }
    return names_unknown(m->e, NULL, what, registry_names(PLUGIN_MEASURE),
                         "'%s' is neither a measure nor a sweep file; measures", what);
}

static int look(struct maker *m, const struct kind *kind)
{
    const size_t rows = store_rows(m->store);
    m->row = ARENA_NEW(&m->out->arena, rows + 1, struct store_row);
    m->out->job = ARENA_NEW(&m->out->arena, rows + 1, struct farm_job);
    size_t bad = 0;
    if (store_read_rows(m->store, m->row, NULL, &bad, m->e)) return -1;
    if (bad && !m->unfinished)
        log_warn("%zu rows of the store are damaged and left alone; `run --repair` trains their jobs again", bad);
    return kind ? consider_store(m, kind) : consider_sweep(m);
}

int measuring_plan_make(struct measuring_plan *out, const char *store, const char *what, struct input_table *inputs,
                        struct err *e)
{
    struct maker m = { .out = out, .inputs = inputs, .e = e };
    struct plan *sweep = ARENA_NEW(&out->arena, 1, struct plan);
    const struct kind *kind;
    if (read_what(&m, what, sweep, &kind) || store_open_read(&m.store, store, e)) return -1;
    const int rc = look(&m, kind);
    store_close(m.store);
    return rc;
}

int measuring_plan_of_sweep(struct measuring_plan *out, struct store *store, const struct plan *sweep,
                            struct input_table *inputs, struct err *e)
{
    struct maker m = { .out = out, .store = store, .sweep = sweep, .unfinished = true, .inputs = inputs, .e = e };
    return look(&m, NULL);
}

void measuring_plan_release(struct measuring_plan *p)
{
    err_list_release(&p->errors);
    buf_release(&p->text);
    arena_release(&p->arena);
}
