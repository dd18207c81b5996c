#include "cli/sheet.h"
#include "base/map.h"
#include "base/text.h"
#include "cli/donors.h"
#include "cli/likely.h"
#include "cli/shortfall.h"
#include "job/measures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Measures that the store's jobs lack: a run makes up those that it can.  row: of each job, NULL if it is not there.
 */
static void look_at_measures(struct sheet *s, struct store *store, const struct store_row *const *row)
{
    for (size_t i = 0; i < s->plan.jobs; i++) {
        const struct watch *w = &s->plan.watch[s->plan.job[i].watch];
        const struct store_row *r = row ? row[i] : NULL;
        bool held = true;
        lacks_add(&s->lacks, w, store, r, &s->arena);
        if (!r || r->state == JOB_UNUSED) continue;
        for (size_t m = 0; m < w->measures && held; m++)
            held = r->state == JOB_DONE ? measure_held(store, r, &w->measure[m])
                                        : measure_recorded(store, (size_t)r->family, &w->measure[m]);
        s->to_measure += !held && r->state == JOB_DONE;
        s->unrecorded |= !held;
    }
}

static void look_at_pace(struct sheet *s, const struct store *store, const struct store_row *const *row)
{
    struct pace_group *group = ARENA_NEW(&s->arena, store_families(store) + 1, struct pace_group);
    pace_open(group, store);
    for (size_t i = 0; i < s->plan.jobs; i++)
        if (row[i]) pace_add(group, row[i]);
    s->begun = pace_of(group, store_families(store));
}

/* After the shortfall, which decides what begins anew. */
static void look_at_rows(struct sheet *s, const struct store *store, const struct store_row *const *row)
{
    int64_t *unit =
        ARENA_NEW(&s->arena, store_families(store) + 1, int64_t); /* that make an epoch; 0: not known yet */
    s->row = ARENA_NEW(&s->arena, s->plan.jobs + 1, struct sheet_row);
    for (size_t i = 0; i < s->plan.jobs; i++) {
        const struct store_row *r = row[i];
        struct sheet_row *out = &s->row[i];
        *out = (struct sheet_row){ .t_mem = -1, .t_gen = -1 };
        if (!r || s->fate[i] != STORE_AS_IS) continue;
        if (!unit[r->family]) unit[r->family] = clock_epoch(family_clock(store_family(store, (size_t)r->family)));
        const int64_t done = r->next_state >= NEXT_PENDING ? r->next_epochs : r->epochs_done, n = unit[r->family];
        const bool steps = store_in_steps(r->length_unit);
        *out = (struct sheet_row){ .epochs = (double)done / (double)n,
                                   .t_mem = r->t_mem < 0 ? -1 : (double)r->t_mem / (double)n,
                                   .t_gen = r->t_gen < 0 ? -1 : (double)r->t_gen / (double)n,
                                   .judge = judge_read(r->eval_every, steps, r->threshold, n) };
    }
}

static int read_states(struct sheet *s, struct err *e)
{
    struct store *store;
    if (store_open_read(&store, s->store, e)) return -1;
    size_t rows = store_rows(store);
    s->read_only = store_read_only(store);
    struct store_row *row = calloc(rows + 1, sizeof *row);
    if (!row) die("out of memory for %zu rows", rows);
    struct map job_of = { 0 };
    for (size_t i = 0; i < s->plan.jobs; i++) map_add(&job_of, s->plan.job[i].id, (uint32_t)i);
    struct store_row **held = ARENA_NEW(&s->arena, s->plan.jobs + 1, struct store_row *);
    int rc = store_read_rows(store, row, NULL, NULL, e);
    for (size_t i = 0; !rc && i < rows; i++) {
        struct id id;
        uint32_t job;
        if (row[i].state == JOB_UNUSED || !id_parse(row[i].id, &id) || !map_find(&job_of, id, &job)) continue;
        s->state[job] = row[i].next_state >= NEXT_PENDING ? JOB_PENDING : row[i].state;
        if (row[i].error[0])
            s->why[job] = arena_text(&s->arena, row[i].error, strnlen(row[i].error, sizeof row[i].error));
        held[job] = &row[i];
        const bool over = row[i].state == JOB_DONE || row[i].state == JOB_SKIPPED;
        const struct store_row was = row[i];
        if (over && store_next(&row[i])) {
            s->was[job] = ARENA_NEW(&s->arena, 1, struct sheet_was);
            *s->was[job] = (struct sheet_was){ (uint32_t)i, was };
        }
        if (!over || row[i].again) s->bytes_missing += store_row_missing(store, &row[i]);
    }
    if (!rc) rc = shortfall_find(s, store, held, e);
    if (!rc) look_at_measures(s, store, (const struct store_row *const *)held);
    if (!rc) look_at_rows(s, store, (const struct store_row *const *)held);
    if (!rc) look_at_pace(s, store, (const struct store_row *const *)held);
    if (!rc) donors_find(s, store, row, rows);
    if (!rc) likely_find(s, store, (const struct store_row *const *)held);
    map_release(&job_of);
    free(row);
    store_close(store);
    return rc;
}

int sheet_set_store(struct sheet *s, const char *path, struct err *e)
{
    if (text_copy(s->store, sizeof s->store, path, sizeof s->store)) return 0;
    return err_at(e, ERR_SPEC, path, NOWHERE, NULL, "a path may have at most %zu characters, not %zu",
                  sizeof s->store - 1, strlen(path));
}

static int choose(struct sheet *s, const char *only, const char *where)
{
    struct err e = { 0 };
    return (only || where) && plan_choose(&s->plan, only, where, &s->arena, &e) ? cli_fail(&e) : 0;
}

int sheet_plan(struct sheet *s, const struct cli *c)
{
    memset(s, 0, sizeof *s);
    struct err_list errors = { 0 };
    int code = plan_make(&s->plan, c->arg[0], &s->arena, &errors) ? cli_fail_list(&errors) : 0;
    err_list_release(&errors);
    if (!code) code = choose(s, cli_value(c, "only"), cli_value(c, "where"));
    if (code) {
        sheet_close(s);
        return code;
    }
    const char *store = cli_value(c, "store");
    struct err e = { 0 };
    if (store)
        code = sheet_set_store(s, store, &e);
    else
        MUST(text_print(s->store, sizeof s->store, "results/%s.h5", sweep_name(s->plan.sweep)));
    s->why = ARENA_NEW(&s->arena, s->plan.jobs + 1, const char *);
    s->was = ARENA_NEW(&s->arena, s->plan.jobs + 1, struct sheet_was *);
    s->state = ARENA_NEW(&s->arena, s->plan.jobs + 1, uint8_t);
    s->fate = ARENA_NEW(&s->arena, s->plan.jobs + 1, uint8_t);
    s->donor = ARENA_NEW(&s->arena, s->plan.jobs + 1, struct sheet_donor);
    if (!e.kind) return 0;
    sheet_close(s);
    return cli_fail(&e);
}

int sheet_look(struct sheet *s, struct err *e)
{
    if (store_exists(s->store, &s->store_exists, e)) return -1;
    if (s->store_exists) return read_states(s, e);
    look_at_measures(s, NULL, NULL);
    donors_find(s, NULL, NULL, 0);
    likely_find(s, NULL, NULL);
    return 0;
}

bool sheet_may_leave_end(const struct sheet *s, size_t job)
{
    const struct plan_job *j = &s->plan.job[job];
    return s->plan.watch[j->watch].end_state != WATCH_END_NONE && plan_epochs(&s->plan, job) > 0 &&
           !spec_is_nothing(&s->plan.shape[j->shape].example);
}

/* Each weight meets each example in each epoch, and once if there is none: it is evaluated. */
double sheet_cost(const struct sheet *s, size_t i)
{
    const struct plan_shape *shape = &s->plan.shape[s->plan.job[i].shape];
    return fmax(1, sheet_epochs(s, i)) * (double)shape->layout.n * (1 + (double)shape->task.n_train);
}

void sheet_warn(const struct sheet *s)
{
    lacks_warn(&s->lacks, s->store, sweep_file(s->plan.sweep, 0)->path);
}

int sheet_open(struct sheet *s, const struct cli *c)
{
    struct err e = { 0 };
    int code = sheet_plan(s, c);
    if (!code && sheet_look(s, &e)) {
        code = cli_fail(&e);
        sheet_close(s);
    }
    return code;
}

void sheet_close(struct sheet *s)
{
    arena_release(&s->arena);
}
