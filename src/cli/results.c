#include "cli/results.h"
#include "cli/shortfall.h"
#include "job/judge.h"

#include <string.h>

struct settling {
    struct session *session;
    struct arena arena;
    struct store_row *row;   /* of the whole store */
    struct store_grid *grid; /* the same           */
    size_t grids;
    bool *planned;          /* per row: is it of the plan? */
    clock_steps *clock;     /* per row: what the plan's job counts */
    uint32_t *first, *next; /* grids of these rows: the first of each, and the next of the same */
    struct watch **kept;    /* per family, NULL: not read yet */
    struct err *e;
};

static const struct watch *kept_by(struct settling *s, int64_t family)
{
    return watch_of(s->kept, s->session->store, (size_t)family, &s->arena, s->e);
}

static int find(struct settling *s, const struct store_row *r, const struct watch_end *want, struct judged_end *out,
                bool *known)
{
    const struct watch *kept = kept_by(s, r->family);
    return kept ? judge_end(s->session->store, r, kept, &want->judge, want->stop, out, known, s->e) : -1;
}

static void list_grids(struct settling *s)
{
    const size_t rows = store_rows(s->session->store);
    const struct plan *p = &s->session->sheet.plan;
    s->planned = ARENA_NEW(&s->arena, rows, bool);
    s->clock = ARENA_NEW(&s->arena, rows, clock_steps);
    s->first = ARENA_NEW(&s->arena, rows, uint32_t);
    s->next = ARENA_NEW(&s->arena, s->grids + 1, uint32_t);
    for (size_t i = 0; i < rows; i++) s->first[i] = PLAN_NONE;
    for (size_t i = 0; i < p->jobs; i++) {
        s->planned[s->session->row[i]] = true;
        s->clock[s->session->row[i]] = p->watch[p->job[i].watch].clock;
    }
    for (size_t i = s->grids; i-- > 0;) {
        s->next[i] = s->first[s->grid[i].row];
        s->first[s->grid[i].row] = (uint32_t)i;
    }
}

/* clock: of the job, where it counts steps. */
static struct watch_end end_of(const struct store_grid *g, clock_steps clock)
{
    return (struct watch_end){ judge_read(g->spacing, store_in_steps(g->unit), g->threshold, clock_epoch(clock)),
                               g->stop };
}

/* What it says already is not written again; a NaN is none of it. */
static bool is_said(const struct store_grid *g, const struct judged_end *end)
{
    const double value[STOP_VALUES] = { g->train_loss, g->train_accuracy, g->test_loss, g->test_accuracy };
    return g->end == end->epoch && g->t_mem == end->found.t_mem && g->t_gen == end->found.t_gen &&
           !strcmp(g->ended_by, end->by) && !memcmp(value, end->value, sizeof value);
}

static int settle_use(struct settling *s, size_t index)
{
    struct store_grid *g = &s->grid[index];
    const struct store_row *r = &s->row[g->row];
    const struct watch *kept = kept_by(s, r->family);
    const clock_steps clock = s->clock[g->row] ? s->clock[g->row] : kept ? kept->clock : 0;
    const bool steps = store_in_steps(g->unit);
    const struct watch_end want = end_of(g, clock);
    struct judged_end end;
    bool known;
    if (!kept) return -1;
    if (!s->planned[g->row] || r->state != JOB_DONE || g->spacing == COLUMN_NO_INT) return 0;
    if (find(s, r, &want, &end, &known)) return -1;
    end.epoch = watch_carry(steps ? clock : 0, kept->clock, end.epoch);
    end.found.t_mem = watch_carry(steps ? clock : 0, kept->clock, end.found.t_mem);
    end.found.t_gen = watch_carry(steps ? clock : 0, kept->clock, end.found.t_gen);
    if (!known || is_said(g, &end)) return 0;
    g->end = end.epoch;
    g->t_mem = end.found.t_mem;
    g->t_gen = end.found.t_gen;
    g->tau_grok = end.found.tau_grok;
    memcpy(g->ended_by, end.by, sizeof g->ended_by);
    g->train_loss = end.value[0];
    g->train_accuracy = end.value[1];
    g->test_loss = end.value[2];
    g->test_accuracy = end.value[3];
    return store_write_use(s->session->store, index, g, s->e);
}

static bool is_first_grid(const struct store_row *r, const char *sweep, const char *grid)
{
    return !strncmp(r->sweep, sweep, sizeof r->sweep) && !strncmp(r->grid, grid, sizeof r->grid);
}

/* How the grid that asked for the job first judges it.  A job that it has only made others of is none of its uses,
 * and then the plan says it.  False: nobody does. */
static bool find_first(const struct settling *s, size_t job, struct watch_end *out)
{
    const struct plan *p = &s->session->sheet.plan;
    const uint32_t row = s->session->row[job];
    const struct store_row *r = &s->row[row];
    const struct store_grid_name *name = &p->grid[p->job[job].grid];
    for (uint32_t i = s->first[row]; i != PLAN_NONE; i = s->next[i]) {
        *out = end_of(&s->grid[i], s->clock[row]);
        if (s->grid[i].spacing != COLUMN_NO_INT && is_first_grid(r, s->grid[i].sweep, s->grid[i].name)) return true;
    }
    *out = p->watch[p->job[job].watch].end[0];
    return is_first_grid(r, name->sweep, name->name);
}

static void take_end(struct store_row *r, const struct judged_end *end)
{
    r->t_mem = end->found.t_mem;
    r->t_gen = end->found.t_gen;
    r->tau_grok = end->found.tau_grok;
    r->end = end->epoch;
    memcpy(r->ended_by, end->by, sizeof r->ended_by);
    r->train_loss = end->value[0];
    r->train_accuracy = end->value[1];
    r->test_loss = end->value[2];
    r->test_accuracy = end->value[3];
}

static int settle_row(struct settling *s, size_t job)
{
    const uint32_t row = s->session->row[job];
    struct store_row *r = &s->row[row];
    struct watch_end want;
    struct judged_end end;
    bool known;
    if ((r->state != JOB_DONE && r->state != JOB_SKIPPED) || !find_first(s, job, &want)) return 0;
    const bool said = r->state != JOB_DONE || r->end >= 0; /* earlier versions did not say where */
    const struct watch *kept = kept_by(s, r->family);
    if (!kept) return -1;
    if (judge_of_row(r, kept, &want.judge) && !strcmp(r->stop, want.stop) && said) return 0;
    if (r->state == JOB_DONE) {
        if (find(s, r, &want, &end, &known)) return -1;
        if (!known) return 0;
        take_end(r, &end);
    }
    r->eval_every = clock_spacing_number(kept->clock, want.judge.eval_every);
    r->threshold = want.judge.threshold;
    memset(r->stop, 0, sizeof r->stop);
    memcpy(r->stop, want.stop, strlen(want.stop));
    return store_commit(s->session->store, row, r, s->e);
}

static int settle_all(struct settling *s)
{
    struct store *store = s->session->store;
    if (store_read_rows(store, s->row, NULL, NULL, s->e) ||
        store_read_uses(store, &s->arena, &s->grid, &s->grids, s->e))
        return -1;
    list_grids(s);
    for (size_t i = 0; i < s->grids; i++)
        if (settle_use(s, i)) return -1;
    const size_t jobs = s->session->sheet.plan.jobs;
    struct store_row **row = ARENA_NEW(&s->arena, jobs + 1, struct store_row *);
    for (size_t i = 0; i < jobs; i++) {
        if (settle_row(s, i)) return -1;
        row[i] = &s->row[s->session->row[i]];
    }
    return shortfall_look_back(&s->session->sheet, store, row, s->e);
}

int results_settle(struct session *session, struct err *e)
{
    struct settling s = { .session = session, .e = e };
    s.row = ARENA_NEW(&s.arena, store_rows(session->store), struct store_row);
    s.kept = ARENA_NEW(&s.arena, store_families(session->store), struct watch *);
    const int rc = settle_all(&s);
    arena_release(&s.arena);
    return rc;
}
