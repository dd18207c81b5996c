#include "cli/sheet.h"
#include "base/log.h"
#include "base/text.h"
#include "job/measures.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct id id;
    uint32_t job;
};

static int compare_entries(const void *a, const void *b)
{
    return memcmp(&((const struct entry *)a)->id, &((const struct entry *)b)->id, sizeof(struct id));
}

static struct entry *sorted_ids(struct sheet *s)
{
    struct entry *entry = ARENA_NEW(&s->arena, s->plan.jobs + 1, struct entry);
    for (size_t i = 0; i < s->plan.jobs; i++) entry[i] = (struct entry){ s->plan.job[i].id, (uint32_t)i };
    qsort(entry, s->plan.jobs, sizeof *entry, compare_entries);
    return entry;
}

/* Does `ancestor` keep its weights at t? */
static int check_ancestor(struct sheet *s, uint32_t ancestor, int64_t t, const struct store_family *family,
                          struct err *e)
{
    struct arena_mark m = arena_mark(&s->arena);
    struct watch kept;
    int rc = watch_parse(&kept, family, &s->arena, e);
    char id[ID_CHARS + 1], text[24];
    id_text(s->plan.job[ancestor].id, id);
    t_text(t, text);
    if (!rc && watch_slot(&kept, t) == SIZE_MAX)
        rc = err_set(e, ERR_SPEC,
                     "the store '%s' holds job %.8s without its weights at epoch %s; use another store, "
                     "or a t that it keeps",
                     s->store, id, text);
    arena_rewind(&s->arena, m);
    return rc;
}

/* A job that is in the store keeps the recording it was stored with: its checkpoints must serve the plan's tickets.
 */
static int check_kept(struct sheet *s, const uint32_t *family_of, struct store *store, struct err *e)
{
    for (size_t i = 0; i < s->plan.jobs; i++) {
        const struct plan_job *job = &s->plan.job[i];
        const struct {
            uint32_t job;
            int64_t t;
        } need[] = { { job->parent, job->t },
                     { job->rewind ? plan_root(&s->plan, (uint32_t)i) : PLAN_NONE, job->rewind },
                     { job->gate.after, job->gate.goal } };
        for (size_t n = 0; n < ARRAY_LEN(need) && s->state[i] == JOB_UNUSED; n++) {
            const uint32_t other = need[n].job;
            if (other == PLAN_NONE || s->state[other] == JOB_UNUSED) continue;
            if (check_ancestor(s, other, need[n].t, store_family(store, family_of[other]), e)) return -1;
        }
    }
    return 0;
}

/* How a job of the store was recorded, beside what the plan asks for. */
enum recorded { RECORDED, WITH_LESS, OTHERWISE, RECORDED_WAYS };

static bool judged_alike(const struct watch *a, const struct watch *b)
{
    return a->eval_every == b->eval_every && a->threshold == b->threshold && a->by_loss == b->by_loss;
}

/* *kept has texts in the arena. */
static enum recorded how_recorded(struct sheet *s, const struct watch *want, const struct store *store, size_t family,
                                  struct watch *kept)
{
    struct err e = { 0 };
    if (watch_parse(kept, store_family(store, family), &s->arena, &e)) return WITH_LESS;
    if (!judged_alike(kept, want)) return OTHERWISE;
    return watch_covers(kept, want) ? RECORDED : WITH_LESS;
}

static int judged_otherwise(const struct sheet *s, size_t job, const struct watch *kept, struct err *e)
{
    const struct watch *want = &s->plan.watch[s->plan.job[job].watch];
    const char *bound = kept->by_loss ? "loss_bound" : "threshold";
    char id[ID_CHARS + 1];
    id_text(s->plan.job[job].id, id);
    return err_set(e, ERR_SPEC,
                   "the store '%s' holds job %.8s with t_mem and t_gen by eval_every %" PRId64
                   " and %s %g, but the sweep asks for %" PRId64 " and %g; ask for what it was trained with, or use "
                   "another store",
                   s->store, id, kept->eval_every, bound, kept->threshold, want->eval_every, want->threshold);
}

/* t_mem, t_gen and what t: gen draws must be what the sweep file says; that checkpoints and curves are fewer is told.
 */
static int check_recording(struct sheet *s, const uint32_t *family_of, const struct store *store, struct err *e)
{
    size_t count[RECORDED_WAYS] = { 0 };
    const struct watch *want = NULL;
    uint32_t family = 0;
    enum recorded how = RECORDED;
    for (size_t i = 0; i < s->plan.jobs; i++) {
        const struct watch *next = &s->plan.watch[s->plan.job[i].watch];
        if (s->state[i] == JOB_UNUSED) continue;
        if (next != want || family_of[i] != family) {
            struct arena_mark m = arena_mark(&s->arena);
            struct watch kept;
            how = how_recorded(s, next, store, family_of[i], &kept);
            if (how == OTHERWISE) judged_otherwise(s, i, &kept, e);
            arena_rewind(&s->arena, m);
            if (how == OTHERWISE) return -1;
        }
        want = next;
        family = family_of[i];
        count[how]++;
    }
    if (count[WITH_LESS])
        log_warn("%zu jobs are in '%s' with less recorded than the sweep asks for (checkpoints or curves), and stay "
                 "so: a new "
                 "store has everything",
                 count[WITH_LESS], s->store);
    return 0;
}

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
    for (size_t i = 0; i < s->plan.jobs; i++)
        if (row[i]) pace_add(group, row[i]);
    s->begun = pace_of(group, store_families(store));
}

static int read_states(struct sheet *s, struct err *e)
{
    struct store *store;
    if (store_open_read(&store, s->store, e)) return -1;
    size_t rows = store_rows(store);
    s->read_only = store_read_only(store);
    struct store_row *row = calloc(rows + 1, sizeof *row);
    if (!row) die("out of memory for %zu rows", rows);
    struct entry *entry = sorted_ids(s);
    uint32_t *family_of = ARENA_NEW(&s->arena, s->plan.jobs + 1, uint32_t);
    const struct store_row **row_of = ARENA_NEW(&s->arena, s->plan.jobs + 1, const struct store_row *);
    int rc = store_read_rows(store, row, NULL, NULL, e);
    for (size_t i = 0; !rc && i < rows; i++) {
        struct entry key;
        if (row[i].state == JOB_UNUSED || !id_parse(row[i].id, &key.id)) continue;
        const struct entry *found = bsearch(&key, entry, s->plan.jobs, sizeof *entry, compare_entries);
        if (!found) continue;
        s->state[found->job] = row[i].next_state >= NEXT_PENDING ? JOB_PENDING : row[i].state;
        if (row[i].error[0])
            s->why[found->job] = arena_text(&s->arena, row[i].error, strnlen(row[i].error, sizeof row[i].error));
        family_of[found->job] = (uint32_t)row[i].family;
        row_of[found->job] = &row[i];
        const bool over = row[i].state == JOB_DONE || row[i].state == JOB_SKIPPED;
        if (!over || store_next(&row[i])) s->bytes_missing += store_row_missing(store, &row[i]);
    }
    if (!rc) rc = check_recording(s, family_of, store, e) || check_kept(s, family_of, store, e) ? -1 : 0;
    if (!rc) look_at_measures(s, store, row_of);
    if (!rc) look_at_pace(s, store, row_of);
    free(row);
    store_close(store);
    return rc;
}

int sheet_set_store(struct sheet *s, const char *path, struct err *e)
{
    if (!*path) return err_set(e, ERR_SPEC, "the name of the store is empty");
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
        sheet_set_store(s, store, &e);
    else
        MUST(text_print(s->store, sizeof s->store, "results/%s.h5", sweep_name(s->plan.sweep)));
    s->why = ARENA_NEW(&s->arena, s->plan.jobs + 1, const char *);
    s->state = ARENA_NEW(&s->arena, s->plan.jobs + 1, uint8_t);
    if (!e.kind) return 0;
    sheet_close(s);
    return cli_fail(&e);
}

int sheet_look(struct sheet *s, struct err *e)
{
    if (store_exists(s->store, &s->store_exists, e)) return -1;
    if (s->store_exists) return read_states(s, e);
    look_at_measures(s, NULL, NULL);
    return 0;
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
