#include "query/records.h"
#include "base/text.h"
#include "disk/types.h"
#include "store/create.h"
#include "store/row.h"
#include "store/sweeps.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>

/* ---- jobs ---- */

static size_t all_rows(struct query_table *t)
{
    return store_rows(t->query->s);
}

static int step_jobs(struct query_table *t, struct query_scan *scan)
{
    struct query *q = t->query;
    const size_t left = scan->end - scan->at, count = left < BLOCK ? left : BLOCK;
    char *from = buf_room(&scan->rows, count * t->stride), *to = from;
    if (table_read(q->s, TABLE_JOBS, scan->at, count, from, q->e)) return -1;
    for (size_t i = 0; i < count; i++, from += t->stride) {
        bool intact = row_intact(&q->s->form, from) && !row_fault(q->s, from);
        if (!intact && row_load(q->s, scan->at + i, from, &intact, q->e)) return -1;
        if (!intact) continue;
        if (to != from) memcpy(to, from, t->stride);
        to += t->stride;
    }
    buf_cut(&scan->rows, (size_t)(to - scan->rows.bytes));
    scan->at += count;
    return 0;
}

/* In a store of an earlier version, which lacks columns or says otherwise what was skipped, a row is read as all
 * commands read it. */
static int step_older_jobs(struct query_table *t, struct query_scan *scan)
{
    struct query *q = t->query;
    struct store_row row;
    bool intact;
    if (row_load(q->s, scan->at++, q->image, &intact, q->e)) return -1;
    if (!intact) return 0;
    char *to = buf_room(&scan->rows, t->stride);
    columns_blank(t->columns, memset(to, 0, t->stride));
    convert_run(&q->older, q->image, to);
    row_unpack(&q->s->form, q->image, &row);
    memcpy(to, &row, FIXED);
    return 0;
}

static void complete_columns(struct query *q, struct query_table *jobs)
{
    const struct row_form *form = &q->s->form;
    size_t bytes;
    bool all = true;
    for (const struct column *c = store_columns; c->name && all; c++) all = columns_find(form->column, c->name);
    const struct column *complete = all ? NULL : create_columns(form->spec, form->column, &bytes, &q->arena);
    if (!complete) return;
    convert_init(&q->older, form->column, complete, &q->arena);
    q->image = arena_alloc(&q->arena, form->bytes);
    jobs->columns = complete;
    jobs->stride = bytes;
    jobs->step = step_older_jobs;
}

/* The first look-up runs over the ids in the mapped file, which costs no copy of the rows around them. */
static int find_by_scan(struct query *q, const char *id, size_t *row)
{
    const struct row_form *form = &q->s->form;
    const size_t at = columns_find(form->column, "id")->offset, rows = store_rows(q->s);
    const uint64_t offset = q->s->table[TABLE_JOBS].raw.at;
    const size_t lead = (size_t)offset % PAGE, bytes = lead + rows * form->bytes;
    char *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, q->s->disk.fd, (off_t)(offset - lead));
    size_t i = 0;
    if (map == MAP_FAILED)
        return err_at(q->e, ERR_IO, q->s->disk.path, NOWHERE, NULL, "cannot map /jobs: %s", strerror(errno));
    while (i < rows && memcmp(map + lead + i * form->bytes + at, id, ID_CHARS)) i++;
    munmap(map, bytes);
    *row = i;
    return i < rows;
}

static void take_id(void *ctx, uint32_t row, void *image, bool intact)
{
    struct query *q = ctx;
    struct id id;
    const size_t at = columns_find(q->s->form.column, "id")->offset;
    if (intact && id_parse((const char *)image + at, &id)) map_add(&q->index, id, row);
}

/* Who looks twice will look often, as a join does: the second look-up makes an index. */
int query_find(struct query *q, const char *text, size_t *row)
{
    struct id id;
    uint32_t found;
    if (strlen(text) != ID_CHARS || !id_parse(text, &id) || !store_rows(q->s)) return 0;
    if (q->lookups++ == 0 && !q->s->table[TABLE_JOBS].raw.packed) return find_by_scan(q, text, row);
    if (!q->index.count && rows_each(q->s, take_id, q, q->e)) return -1;
    if (!map_find(&q->index, id, &found)) return 0;
    *row = found;
    return 1;
}

/* ---- grids ---- */

static size_t all_uses(struct query_table *t)
{
    return table_used(t->query->s, TABLE_GRIDS);
}

struct grid_row {
    char sweep[64], grid[64], id[ID_CHARS], unit[8];
    double threshold;
    int64_t spacing, end, t_mem, t_gen;
    double tau_grok;
    char stop[STORE_STOP], ended_by[STORE_RULE];
    double value[4];
};
static const struct column grid_columns[] = {
    { "sweep", COLUMN_TEXT, offsetof(struct grid_row, sweep), 64, NULL, "", "name of the sweep" },
    { "grid", COLUMN_TEXT, offsetof(struct grid_row, grid), 64, NULL, "", "name of the grid in it" },
    { "id", COLUMN_TEXT, offsetof(struct grid_row, id), ID_CHARS, NULL, "", "a job that the grid uses" },
    { "threshold", COLUMN_F64, offsetof(struct grid_row, threshold), 0, NULL, "", "by which it judges the job" },
    { "spacing", COLUMN_I64, offsetof(struct grid_row, spacing), 0, NULL, "",
      "of the evaluations that it looks at; below 0: so many a decade" },
    { "stop", COLUMN_TEXT, offsetof(struct grid_row, stop), STORE_STOP, NULL, "", "its stop rules" },
    { "unit", COLUMN_TEXT, offsetof(struct grid_row, unit), 8, NULL, "",
      "what the grid counts in, epoch or step: of spacing, end, t_mem and t_gen" },
    { "end", COLUMN_I64, offsetof(struct grid_row, end), 0, NULL, "", "where the job ends for it; NULL: not yet" },
    { "ended_by", COLUMN_TEXT, offsetof(struct grid_row, ended_by), STORE_RULE, NULL, "",
      "the stop rule that came; NULL: it has its length" },
    { "t_mem", COLUMN_I64, offsetof(struct grid_row, t_mem), 0, NULL, "",
      "by its threshold; NULL: never, or, with an ended_by, not known" },
    { "t_gen", COLUMN_I64, offsetof(struct grid_row, t_gen), 0, NULL, "", "the same" },
    { "tau_grok", COLUMN_F64, offsetof(struct grid_row, tau_grok), 0, NULL, "1", "t_gen / t_mem" },
    { "train_loss", COLUMN_F64, offsetof(struct grid_row, value[0]), 0, NULL, "", "at end" },
    { "train_accuracy", COLUMN_F64, offsetof(struct grid_row, value[1]), 0, NULL, "1", "at end" },
    { "test_loss", COLUMN_F64, offsetof(struct grid_row, value[2]), 0, NULL, "", "at end" },
    { "test_accuracy", COLUMN_F64, offsetof(struct grid_row, value[3]), 0, NULL, "1", "at end" },
    COLUMN_END,
};

static void note_used(void *ctx, uint32_t row, void *image, bool intact)
{
    struct query *q = ctx;
    struct store_row r;
    if (!intact) return;
    row_unpack(&q->s->form, image, &r);
    q->used[row] = (struct used){ .eval_every = r.eval_every,
                                  .t_mem = r.t_mem,
                                  .t_gen = r.t_gen,
                                  .end = r.end >= 0 ? r.end : r.epochs_done,
                                  .threshold = r.threshold,
                                  .tau_grok = r.tau_grok,
                                  .value = { r.train_loss, r.train_accuracy, r.test_loss, r.test_accuracy },
                                  .done = r.state == JOB_DONE };
    MUST(text_print(q->used[row].unit, sizeof q->used[row].unit, "%s", store_unit(r.length_unit)));
    memcpy(q->used[row].id, r.id, ID_CHARS);
    memcpy(q->used[row].stop, r.stop, sizeof r.stop);
    memcpy(q->used[row].ended_by, r.ended_by, sizeof r.ended_by);
}

/* A run writes what its grids find at its end; until then the job's own results are known, where they are the same.
 * Earlier versions left the metrics to the job. */
static void take_results(struct grid_row *row, const struct store_grid *use, const struct used *job)
{
    const bool alike = job->done && job->eval_every == use->spacing && job->threshold == use->threshold &&
                       !strncmp(job->unit, use->unit, sizeof job->unit) &&
                       !strncmp(job->stop, use->stop, sizeof job->stop);
    const double value[] = { use->train_loss, use->train_accuracy, use->test_loss, use->test_accuracy };
    const bool said = use->end >= 0;
    row->end = said ? use->end : alike ? job->end : COLUMN_NO_INT;
    row->t_mem = said ? use->t_mem : alike ? job->t_mem : COLUMN_NO_INT;
    row->t_gen = said ? use->t_gen : alike ? job->t_gen : COLUMN_NO_INT;
    row->tau_grok = said ? use->tau_grok : alike ? job->tau_grok : (double)NAN;
    for (size_t i = 0; i < ARRAY_LEN(value); i++)
        row->value[i] = said && !isnan(value[2]) ? value[i] : said || alike ? job->value[i] : (double)NAN;
    memset(row->ended_by, 0, sizeof row->ended_by);
    memcpy(row->stop, use->stop, sizeof row->stop);
    if (said || alike) memcpy(row->ended_by, said ? use->ended_by : job->ended_by, sizeof row->ended_by);
}

/* All rows are read once a query, the uses again in every scan. */
static int step_grids(struct query_table *t, struct query_scan *scan)
{
    struct query *q = t->query;
    struct store_grid use[BLOCK];
    const size_t left = scan->end - scan->at, count = left < BLOCK ? left : BLOCK;
    if (!q->used) {
        q->used = ARENA_NEW(&q->arena, store_rows(q->s), struct used);
        if (rows_each(q->s, note_used, q, q->e)) return -1;
    }
    if (sweeps_read_uses(q->s, scan->at, count, use, q->e)) return -1;
    for (size_t i = 0; i < count; i++) {
        struct grid_row row;
        memcpy(row.sweep, use[i].sweep, sizeof row.sweep);
        memcpy(row.grid, use[i].name, sizeof row.grid);
        memcpy(row.id, q->used[use[i].row].id, sizeof row.id);
        memcpy(row.unit, use[i].unit, sizeof row.unit);
        take_results(&row, &use[i], &q->used[use[i].row]);
        row.threshold = use[i].threshold;
        row.spacing = use[i].spacing;
        buf_add(&scan->rows, &row, sizeof row);
    }
    scan->at += count;
    return 0;
}

/* ---- sweeps ---- */

static size_t all_sweeps(struct query_table *t)
{
    return table_used(t->query->s, TABLE_SWEEPS);
}

struct sweep_row {
    char name[64], time[32], command[512];
    size_t text; /* where it begins in the scan's texts */
};
static const struct column sweep_columns[] = {
    { "name", COLUMN_TEXT, offsetof(struct sweep_row, name), 64, NULL, "", "as the file gives it" },
    { "time", COLUMN_TEXT, offsetof(struct sweep_row, time), 32, NULL, "", "when it was first run into this store" },
    { "command", COLUMN_TEXT, offsetof(struct sweep_row, command), 512, NULL, "", "by which command line" },
    { "text", COLUMN_TEXT, offsetof(struct sweep_row, text), QUERY_LONG, NULL, "", "the file, verbatim" },
    COLUMN_END,
};

/* One at a time: together they may be as long as the store. */
static int step_sweeps(struct query_table *t, struct query_scan *scan)
{
    struct query *q = t->query;
    struct store_sweep sweep;
    struct sweep_row row = { .text = scan->texts.length };
    struct arena_mark m = arena_mark(&q->arena);
    const int rc = sweep_read(q->s, scan->at++, &q->arena, &sweep, q->e);
    if (!rc) {
        memcpy(row.name, sweep.name, sizeof row.name);
        memcpy(row.time, sweep.time, sizeof row.time);
        memcpy(row.command, sweep.command, sizeof row.command);
        buf_add(&scan->texts, sweep.text, strlen(sweep.text) + 1);
        buf_add(&scan->rows, &row, sizeof row);
    }
    arena_rewind(&q->arena, m);
    return rc;
}

/* ---- the list of tables ---- */

void query_records(struct query *q, struct query_table out[QUERY_RECORDS])
{
    const struct query_table table[QUERY_RECORDS] = {
        { .name = "jobs",
          .help = "a row a job: results, and every key of its description",
          .columns = q->s->form.column,
          .stride = q->s->form.bytes,
          .key = "id",
          .extent = all_rows,
          .step = step_jobs },
        { .name = "grids",
          .help = "which jobs each grid of each sweep uses",
          .columns = grid_columns,
          .stride = sizeof(struct grid_row),
          .extent = all_uses,
          .step = step_grids },
        { .name = "sweeps",
          .help = "the sweep files that were run into this store",
          .columns = sweep_columns,
          .stride = sizeof(struct sweep_row),
          .extent = all_sweeps,
          .step = step_sweeps },
    };
    memcpy(out, table, sizeof table);
    complete_columns(q, &out[0]);
}
