#include "cli/results.h"
#include "job/judge.h"

#include <string.h>

struct settling {
    struct session *session;
    struct arena arena;
    struct store_row *row;  /* of the whole store */
    uint32_t *first, *next; /* uses of the plan: the first of each row, and the next of the same row */
    struct watch **kept;    /* per family, NULL: not read yet */
    struct err *e;
};

static const struct watch *kept_by(struct settling *s, int64_t family)
{
    return watch_of(s->kept, s->session->store, (size_t)family, &s->arena, s->e);
}

static int find(struct settling *s, const struct store_row *r, const struct judge *judge, struct judged *out,
                bool *known)
{
    const struct watch *kept = kept_by(s, r->family);
    return kept ? judge_find(s->session->store, r, kept, judge, out, known, s->e) : -1;
}

static void list_uses(struct settling *s)
{
    const struct plan *p = &s->session->sheet.plan;
    const size_t rows = store_rows(s->session->store);
    s->first = ARENA_NEW(&s->arena, rows, uint32_t);
    s->next = ARENA_NEW(&s->arena, p->uses, uint32_t);
    for (size_t i = 0; i < rows; i++) s->first[i] = PLAN_NONE;
    for (size_t i = 0; i < p->uses; i++) {
        const uint32_t row = s->session->row[p->use[i].job];
        s->next[i] = s->first[row];
        s->first[row] = (uint32_t)i;
    }
}

/* The plan's use of a row by a grid; NULL: it has none. */
static const struct store_use *find_use(const struct settling *s, uint32_t row, const char *sweep, const char *grid)
{
    const struct plan *p = &s->session->sheet.plan;
    for (uint32_t i = s->first[row]; i != PLAN_NONE; i = s->next[i]) {
        const struct store_grid_name *name = &p->grid[p->use[i].grid];
        if (!strcmp(name->sweep, sweep) && !strcmp(name->name, grid)) return &p->use[i];
    }
    return NULL;
}

/* Returns the clock of the grid: a job that it shares may count steps where it counts epochs. */
static clock_steps judge_of_use(const struct settling *s, const struct store_use *use, struct judge *out)
{
    const struct plan *p = &s->session->sheet.plan;
    const clock_steps clock = p->watch[p->job[use->job].watch].clock;
    const bool steps = !strcmp(use->unit, clock_unit(1));
    *out = judge_read(use->spacing, steps, use->threshold, clock_epoch(clock));
    return steps ? clock : 0;
}

static int settle_use(struct settling *s, size_t index, struct store_grid *g)
{
    const struct store_use *use = find_use(s, g->row, g->sweep, g->name);
    const struct store_row *r = &s->row[g->row];
    const struct watch *kept = kept_by(s, r->family);
    struct judge judge;
    struct judged found;
    bool known;
    if (!kept) return -1;
    if (!use || r->state != JOB_DONE) return 0;
    const clock_steps clock = judge_of_use(s, use, &judge);
    if (find(s, r, &judge, &found, &known)) return -1;
    const int64_t end = watch_carry(clock, kept->clock, r->epochs_done);
    found.t_mem = watch_carry(clock, kept->clock, found.t_mem);
    found.t_gen = watch_carry(clock, kept->clock, found.t_gen);
    if (!known || (g->end == end && g->t_mem == found.t_mem && g->t_gen == found.t_gen)) return 0;
    g->end = end;
    g->t_mem = found.t_mem;
    g->t_gen = found.t_gen;
    g->tau_grok = found.tau_grok;
    return store_write_use(s->session->store, index, g, s->e);
}

static bool is_first_grid(const struct store_row *r, const struct store_grid_name *name)
{
    return !strncmp(r->sweep, name->sweep, sizeof r->sweep) && !strncmp(r->grid, name->name, sizeof r->grid);
}

/* How the grid that asked for the job first judges it.  False: that is none of the plan's. */
static bool find_first(const struct settling *s, size_t job, struct judge *out)
{
    const struct plan *p = &s->session->sheet.plan;
    const uint32_t row = s->session->row[job];
    const struct store_row *r = &s->row[row];
    if (is_first_grid(r, &p->grid[p->job[job].grid])) {
        *out = p->watch[p->job[job].watch].judge[0];
        return true;
    }
    for (uint32_t i = s->first[row]; i != PLAN_NONE; i = s->next[i])
        if (is_first_grid(r, &p->grid[p->use[i].grid])) {
            judge_of_use(s, &p->use[i], out);
            return true;
        }
    return false;
}

static int settle_row(struct settling *s, size_t job)
{
    const uint32_t row = s->session->row[job];
    struct store_row *r = &s->row[row];
    struct judge judge;
    struct judged found;
    bool known;
    if ((r->state != JOB_DONE && r->state != JOB_SKIPPED) || !find_first(s, job, &judge)) return 0;
    const struct watch *kept = kept_by(s, r->family);
    if (!kept) return -1;
    if (judge_of_row(r, kept, &judge)) return 0;
    if (r->state == JOB_DONE) {
        if (find(s, r, &judge, &found, &known)) return -1;
        if (!known) return 0;
        r->t_mem = found.t_mem;
        r->t_gen = found.t_gen;
        r->tau_grok = found.tau_grok;
    }
    r->eval_every = clock_spacing_number(kept->clock, judge.eval_every);
    r->threshold = judge.threshold;
    return store_commit(s->session->store, row, r, s->e);
}

static int settle_all(struct settling *s)
{
    struct store *store = s->session->store;
    struct store_grid *grid;
    size_t grids;
    if (store_read_rows(store, s->row, NULL, NULL, s->e) || store_read_uses(store, &s->arena, &grid, &grids, s->e))
        return -1;
    for (size_t i = 0; i < grids; i++)
        if (settle_use(s, i, &grid[i])) return -1;
    for (size_t i = 0; i < s->session->sheet.plan.jobs; i++)
        if (settle_row(s, i)) return -1;
    return 0;
}

int results_settle(struct session *session, struct err *e)
{
    struct settling s = { .session = session, .e = e };
    s.row = ARENA_NEW(&s.arena, store_rows(session->store), struct store_row);
    s.kept = ARENA_NEW(&s.arena, store_families(session->store), struct watch *);
    list_uses(&s);
    const int rc = settle_all(&s);
    arena_release(&s.arena);
    return rc;
}
