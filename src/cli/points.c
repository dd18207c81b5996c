#include "cli/points.h"
#include "base/json.h"

#include "base/text_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- grids and their axes ---- */

enum { SHOWN = 6 };

static void add_tied(const struct sweep *s, size_t grid, size_t axis, size_t v, struct buf *out)
{
    const size_t keys = sweep_axis(s, grid, axis).keys;
    if (keys > 1) buf_text(out, "(");
    for (size_t i = 0; i < keys; i++) {
        if (i) buf_text(out, ", ");
        sweep_axis_value(s, grid, axis, i, v, out);
    }
    if (keys > 1) buf_text(out, ")");
}

/* "seed: 0, 1, 2, 3, 4, ..., 99 (100 values)", "(seed, t): (3, 0), (4, 100)". */
static void add_axis(const struct sweep *s, size_t grid, size_t axis, struct buf *out)
{
    const struct sweep_axis a = sweep_axis(s, grid, axis);
    const bool cut = a.values > SHOWN;
    if (a.keys > 1) buf_text(out, "(");
    for (size_t i = 0; i < a.keys; i++) buf_print(out, "%s%s", i ? ", " : "", sweep_axis_key(s, grid, axis, i));
    buf_text(out, a.keys > 1 ? "): " : ": ");
    for (size_t v = 0; v < a.values; v++) {
        if (cut && v == SHOWN - 1) {
            buf_text(out, ", ...");
            v = a.values - 1;
        }
        if (v) buf_text(out, ", ");
        add_tied(s, grid, axis, v, out);
    }
    if (cut) buf_print(out, " (%zu values)", a.values);
}

static void add_axes(const struct sweep *s, size_t grid, struct buf *out)
{
    const size_t axes = sweep_axes(s, grid), more = sweep_grid_includes(s, grid);
    for (size_t i = 0; i < axes; i++) {
        if (i) buf_text(out, "; ");
        add_axis(s, grid, i, out);
    }
    if (!axes) buf_text(out, "nothing varies");
    if (more) buf_print(out, "; and %zu from its include", more);
}

/* How each grid judges its jobs, from the first of them; NULL: the plan has none, for they were not chosen. */
static const struct store_use **judges_of(const struct sheet *s, bool *differ)
{
    const struct store_use **judge = calloc(sweep_grids(s->plan.sweep) + 1, sizeof *judge), *first = NULL;
    if (!judge) die("out of memory for %zu grids", sweep_grids(s->plan.sweep));
    *differ = false;
    for (size_t i = 0; i < s->plan.uses; i++) {
        const struct store_use *use = &s->plan.use[i];
        if (judge[use->grid]) continue;
        judge[use->grid] = use;
        if (!first) first = use;
        *differ = *differ || use->spacing != first->spacing || use->threshold != first->threshold ||
                  strcmp(use->stop, first->stop) != 0;
    }
    return judge;
}

static void add_judge(const struct store_use *use, struct buf *out)
{
    buf_print(out, "; evaluated every %" PRId64 " epochs, threshold ", use->spacing);
    buf_real(out, use->threshold);
    if (use->stop[0]) buf_print(out, ", stop: %s", use->stop);
}

void points_grids(const struct sheet *s, struct buf *out)
{
    bool differ;
    const struct store_use **judge = judges_of(s, &differ);
    const struct sweep *sweep = s->plan.sweep;
    struct text_table t = { .columns = 4, .left = { true, true, false, true } };
    struct buf axes = { 0 };
    static const char *const head[] = { "", "grid", "points", "what varies" };
    for (size_t i = 0; i < t.columns; i++) text_table_cell(&t, "%s", head[i]);
    for (size_t g = 0; g < sweep_grids(sweep); g++) {
        if (!judge[g]) continue;
        buf_clear(&axes);
        add_axes(sweep, g, &axes);
        if (differ) add_judge(judge[g], &axes);
        text_table_cell(&t, "%s", "");
        text_table_cell(&t, "%s", sweep_grid_name(sweep, g));
        text_table_cell(&t, "%" PRIu64, sweep_grid_points(sweep, g));
        text_table_cell(&t, "%s", buf_chars(&axes));
    }
    text_table_print(&t, out);
    text_table_release(&t);
    buf_release(&axes);
    free(judge);
}

static void axis_json(const struct sweep *s, size_t grid, size_t axis, struct buf *out)
{
    const struct sweep_axis a = sweep_axis(s, grid, axis);
    struct buf value = { 0 };
    json_open(out, NULL, '{');
    for (size_t i = 0; i < a.keys; i++) {
        json_open(out, sweep_axis_key(s, grid, axis, i), '[');
        for (size_t v = 0; v < a.values; v++) {
            buf_clear(&value);
            sweep_axis_value(s, grid, axis, i, v, &value);
            json_text(out, NULL, buf_chars(&value));
        }
        json_close(out, ']');
    }
    json_close(out, '}');
    buf_release(&value);
}

void points_grids_json(const struct sheet *s, struct buf *out)
{
    const struct sweep *sweep = s->plan.sweep;
    bool differ;
    const struct store_use **judge = judges_of(s, &differ);
    json_open(out, "axes", '[');
    for (size_t g = 0; g < sweep_grids(sweep); g++) {
        if (!judge[g]) continue;
        json_open(out, NULL, '{');
        JSON_TEXTS(out, "grid", sweep_grid_name(sweep, g), "sweep", sweep_grid_file(sweep, g)->name);
        json_count(out, "points", sweep_grid_points(sweep, g));
        json_int(out, "eval_every", judge[g]->spacing);
        json_real(out, "threshold", judge[g]->threshold);
        json_text(out, "stop", judge[g]->stop[0] ? judge[g]->stop : NULL);
        json_open(out, "axes", '[');
        for (size_t i = 0; i < sweep_axes(sweep, g); i++) axis_json(sweep, g, i, out);
        json_close(out, ']');
        json_close(out, '}');
    }
    json_close(out, ']');
    free(judge);
}

/* ---- jobs ---- */

/* The grids of each job, in the order of the file: a list in one piece. */
struct job_grids {
    size_t *first; /* [jobs + 1] */
    uint32_t *grid;
};

static void job_grids_open(struct job_grids *g, const struct plan *p)
{
    g->first = calloc(p->jobs + 2, sizeof *g->first);
    g->grid = calloc(p->uses + 1, sizeof *g->grid);
    if (!g->first || !g->grid) die("out of memory for %zu jobs", p->jobs);
    for (size_t i = 0; i < p->uses; i++) g->first[p->use[i].job + 2]++;
    for (size_t i = 0; i < p->jobs; i++) g->first[i + 1] += g->first[i];
    for (size_t i = 0; i < p->uses; i++) g->grid[g->first[p->use[i].job + 1]++] = p->use[i].grid;
}

static void job_grids_close(struct job_grids *g)
{
    free(g->first);
    free(g->grid);
}

static void grids_cell(struct text_table *t, const struct plan *p, const struct job_grids *g, size_t job)
{
    struct buf text = { 0 };
    for (size_t i = g->first[job]; i < g->first[job + 1]; i++)
        buf_print(&text, "%s%s", i > g->first[job] ? "," : "", p->grid[g->grid[i]].name);
    text_table_cell(t, "%s", text.length ? buf_chars(&text) : "(parents)");
    buf_release(&text);
}

/* A column of the store's own, or one of a key. */
struct shown {
    const struct column *column;
    bool in_spec;
};
enum { COLUMNS = 160 };

static size_t columns_that_say(struct shown out[COLUMNS])
{
    static const char *const own[] = { "task", "model", "training", "control", "seed", "t_asked", "k", "epochs" };
    size_t spec_size, n = 0;
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        for (const struct column *c = store_columns; c->name; c++)
            if (!strcmp(c->name, own[i])) out[n++] = (struct shown){ c, false };
    for (const struct column *c = spec_columns(&spec_size); c->name; c++) {
        MUST(n < COLUMNS);
        out[n++] = (struct shown){ c, true };
    }
    return n;
}

static const char *place_of(const struct shown *s, const struct store_job *job)
{
    return (s->in_spec ? (const char *)job->spec : (const char *)&job->row) + s->column->offset;
}

static bool is_missing(const struct column *c, const char *place)
{
    static const int64_t none = COLUMN_NO_INT;
    double number = 0;
    if (c->type == COLUMN_TEXT) return !place[0];
    if (c->type == COLUMN_I64) return !memcmp(place, &none, sizeof none);
    memcpy(&number, place, sizeof number);
    return isnan(number);
}

/* Of one column, over all jobs: the first value, and whether there is another. */
struct spread {
    char *first;
    bool varies;
};

static void spread_add(struct spread *v, const struct shown *s, const struct store_job *job)
{
    const size_t bytes = column_size(s->column->type, s->column->size);
    const char *place = place_of(s, job);
    if (is_missing(s->column, place)) return;
    if (v->first)
        v->varies = v->varies || memcmp(v->first, place, bytes);
    else if ((v->first = malloc(bytes)))
        memcpy(v->first, place, bytes);
    else
        die("out of memory for a job");
}

/* Those in which two jobs differ; and of which control, seed, t and k they are. */
static size_t columns_varied(struct plan *p, struct shown out[COLUMNS])
{
    static const char *const always[] = { "control", "seed", "t_asked", "k" };
    struct shown all[COLUMNS];
    struct spread spread[COLUMNS] = { { NULL, false } };
    struct store_job job;
    const size_t n = columns_that_say(all);
    size_t count = 0;
    for (size_t j = 0; j < p->jobs; j++) {
        plan_describe(p, j, &job);
        for (size_t i = 0; i < n; i++) spread_add(&spread[i], &all[i], &job);
    }
    for (size_t i = 0; i < n; i++) {
        bool wanted = spread[i].varies && !strstr(all[i].column->name, "_kind");
        for (size_t a = 0; a < ARRAY_LEN(always); a++)
            wanted = wanted || (spread[i].first && !strcmp(all[i].column->name, always[a]));
        if (wanted) out[count++] = all[i];
        free(spread[i].first);
    }
    return count;
}

static void value_cell(struct text_table *t, const struct shown *s, const struct store_job *job)
{
    const struct column *c = s->column;
    const char *place = place_of(s, job);
    int64_t whole;
    double number;
    if (is_missing(c, place))
        text_table_cell(t, "-");
    else if (c->type == COLUMN_TEXT)
        text_table_cell(t, "%.*s", (int)c->size, place);
    else if (c->type == COLUMN_I64)
        text_table_cell(t, "%" PRId64, *(int64_t *)memcpy(&whole, place, sizeof whole));
    else
        text_table_real(t, *(double *)memcpy(&number, place, sizeof number), 9);
}

static const char *state_text(const struct sheet *s, size_t i)
{
    const enum job_state state = s->state[i];
    if (state == JOB_DONE) return "held";
    if (state != JOB_UNUSED) return job_state_name[state];
    return plan_is_gated(&s->plan.job[i]) ? "if needed" : "to train";
}

/* Where it goes on from a shorter one. */
static void donor_cell(struct text_table *t, const struct sheet *s, size_t i)
{
    char id[ID_CHARS + 1];
    if (s->donor[i].epoch)
        text_table_cell(t, "%.8s, %" PRId64, id_text(s->donor[i].id, id), s->donor[i].epoch);
    else
        text_table_cell(t, "-");
}

void points_jobs(struct sheet *s, struct buf *out)
{
    struct plan *p = &s->plan;
    struct shown shown[COLUMNS];
    const size_t count = columns_varied(p, shown);
    bool any = false;
    for (size_t j = 0; j < p->jobs; j++) any |= s->donor[j].epoch > 0;
    struct text_table t = { .columns = 3 + count + any, .left = { true, true, true } };
    struct job_grids grids;
    struct store_job job;
    job_grids_open(&grids, p);
    text_table_cell(&t, "id");
    text_table_cell(&t, "state");
    text_table_cell(&t, "grid");
    for (size_t i = 0; i < count; i++) {
        t.left[3 + i] = shown[i].column->type == COLUMN_TEXT;
        text_table_cell(&t, "%s", shown[i].column->name);
    }
    if (any) text_table_cell(&t, "goes on from");
    for (size_t j = 0; j < p->jobs; j++) {
        plan_describe(p, j, &job);
        text_table_cell(&t, "%.8s", job.row.id);
        text_table_cell(&t, "%s", state_text(s, j));
        grids_cell(&t, p, &grids, j);
        for (size_t i = 0; i < count; i++) value_cell(&t, &shown[i], &job);
        if (any) donor_cell(&t, s, j);
    }
    text_table_print(&t, out);
    text_table_release(&t);
    job_grids_close(&grids);
}
