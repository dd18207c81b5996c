#include "base/clock.h"
#include "store/private.h"

#include <string.h>

const char *const job_state_name[] = { "unused", "pending", "running", "done", "failed", "blocked", NULL };
_Static_assert(ARRAY_LEN(job_state_name) == JOB_STATES + 1, "name the new state");

#define ROW(type, name, unit, help)                                                                                  \
    {                                                                                                                \
#name, type, offsetof(struct store_row, name), 0, NULL, unit, help                                           \
    }
#define ROW_TEXT(name, help)                                                                                         \
    {                                                                                                                \
#name, COLUMN_TEXT, offsetof(struct store_row, name), sizeof((struct store_row *)0)->name, NULL, "", help    \
    }

const struct column store_columns[] = {
    ROW_TEXT(id, "XXH3-128 of the job's canonical text"),
    ROW_TEXT(parent, "id of the dense job this one is made from"),
    ROW_TEXT(control, "what the job is: dense, ticket, ..."),
    ROW_TEXT(task, "name in the sweep file"),
    ROW_TEXT(model, "name in the sweep file"),
    ROW_TEXT(training, "name in the sweep file"),
    ROW_TEXT(sweep, "the first that needed the job"),
    ROW_TEXT(grid, "the first that needed the job"),
    ROW_TEXT(t_asked, "the parent's checkpoint as the sweep file names it"),
    ROW_TEXT(host, "where the job ran last"),
    ROW_TEXT(error, "why it failed or is blocked"),
    ROW(COLUMN_I64, seed, "", "key of every random stream"),
    ROW(COLUMN_I64, t, "epoch", "the parent's checkpoint that was used"),
    ROW(COLUMN_I64, epochs, "epoch", "to train"),
    ROW(COLUMN_I64, epochs_done, "epoch", "completed"),
    ROW(COLUMN_I64, t_mem, "epoch", "first with train accuracy above the threshold, or loss below the bound"),
    ROW(COLUMN_I64, t_gen, "epoch", "first with test accuracy above the threshold, or loss below the bound"),
    ROW(COLUMN_I64, rank, "", "MPI rank that ran the job last"),
    ROW(COLUMN_F64, k, "1", "prune rate: fraction of the prunable weights removed"),
    ROW(COLUMN_F64, tau_grok, "1", "t_gen / t_mem"),
    ROW(COLUMN_F64, train_loss, "", "at the last evaluation"),
    ROW(COLUMN_F64, train_accuracy, "1", "at the last evaluation"),
    ROW(COLUMN_F64, test_loss, "", "at the last evaluation"),
    ROW(COLUMN_F64, test_accuracy, "1", "at the last evaluation"),
    ROW(COLUMN_F64, seconds, "s", "wall time of all attempts"),
    ROW(COLUMN_F64, started, "s", "Unix time of the last start"),
    ROW(COLUMN_F64, ended, "s", "Unix time of the last end"),
    ROW(COLUMN_F64, updated, "s", "Unix time of the last write of this row: how fresh a running job's values are"),
    ROW(COLUMN_I64, family, "", "`index` of the group in /families that holds the arrays"),
    ROW(COLUMN_I64, family_row, "", "first axis of the arrays"),
    ROW(COLUMN_I64, attempts, "1", "starts since the newest resume point, but for those that were stopped"),
    ROW(COLUMN_U64, deaths, "1", "known deaths of its process since it made progress"),
    ROW(COLUMN_U64, parent_sum, "", "checksum of the parent's weights that it was made from; 0: none, or not known"),
    ROW(COLUMN_U64, sequence, "1", "counts the writes of this row"),
    ROW(COLUMN_U64, data_sum, "", "checksum of the job's row of families/F/sums; 0: nothing is vouched for"),
    ROW(COLUMN_U64, row_sum, "", "XXH3-64 of this row with this word as 0"),
    { "state", COLUMN_ENUM, offsetof(struct store_row, state), 0, job_state_name, "", "" },
    COLUMN_END,
};

static uint64_t image_sum(const struct row_form *f, void *image)
{
    memset((char *)image + f->sum_at, 0, sizeof(uint64_t));
    return checksum(image, f->bytes);
}

bool row_intact(const struct row_form *f, void *image)
{
    uint64_t have;
    memcpy(&have, (char *)image + f->sum_at, sizeof have);
    uint64_t want = image_sum(f, image);
    memcpy((char *)image + f->sum_at, &have, sizeof have);
    return have == want;
}

void row_seal(const struct row_form *f, void *image)
{
    uint64_t sum = image_sum(f, image);
    memcpy((char *)image + f->sum_at, &sum, sizeof sum);
}

/* A writer needs microseconds for a row, unless the scheduler stops it half-way: about 25 ms of patience. */
int row_load(struct store *s, size_t row, void *image, bool *intact, struct err *e)
{
    for (double nap = 1e-4; nap < 0.02; nap *= 2) {
        if (table_read(s, TABLE_JOBS, row, 1, image, e)) return -1;
        *intact = row_intact(&s->form, image);
        if (*intact) return 0;
        clock_sleep(nap);
    }
    return 0;
}

int rows_each(struct store *s, row_visit *visit, void *ctx, struct err *e)
{
    size_t bytes = s->form.bytes, rows = store_rows(s);
    struct arena a = { 0 };
    char *block = arena_array(&a, BLOCK, bytes);
    int rc = 0;
    for (size_t first = 0; first < rows && !rc; first += BLOCK) {
        size_t count = rows - first < BLOCK ? rows - first : BLOCK;
        rc = table_read(s, TABLE_JOBS, first, count, block, e);
        for (size_t i = 0; i < count && !rc; i++) {
            char *image = block + i * bytes;
            bool intact = row_intact(&s->form, image);
            if (!intact) rc = row_load(s, first + i, image, &intact, e);
            if (!rc) visit(ctx, (uint32_t)(first + i), image, intact);
        }
    }
    arena_release(&a);
    return rc;
}

static void unpack(const struct row_form *f, const void *image, struct store_row *out, void *spec)
{
    if (out) {
        *out = f->blank;
        convert_run(&f->in, image, out);
    }
    if (spec) memcpy(spec, (const char *)image + f->spec_from, f->spec_size);
}

/* Bring a row into s->image.  That of the job at work may be there already, and cannot have changed. */
static int load_image(struct store *s, uint32_t row, struct err *e)
{
    bool intact;
    MUST(row < store_rows(s));
    if (row == s->image_row && row == s->own_row) return 0;
    s->image_row = NO_ROW;
    if (row_load(s, row, s->image, &intact, e)) return -1;
    if (!intact) return err_at(e, ERR_STORE, s->path, NOWHERE, NULL, "row %u of /jobs is damaged", row);
    s->image_row = row;
    return 0;
}

int store_read_row(struct store *s, uint32_t row, struct store_row *out, void *spec, struct err *e)
{
    if (load_image(s, row, e)) return -1;
    unpack(&s->form, s->image, out, spec);
    return 0;
}

enum { PICKS = 8 };
struct all_rows {
    const struct row_form *form;
    struct store_row *out;
    const struct store_pick *pick;
    const struct column *picked[PICKS]; /* the column of each pick, NULL if there is none */
    size_t picks, bad;
};

static void find_picks(struct all_rows *all)
{
    for (const struct store_pick *p = all->pick; p && p->name; p++) {
        const struct column *c = columns_find(all->form->column, p->name);
        MUST(all->picks < PICKS);
        all->picked[all->picks++] = c && c->type == COLUMN_I64 ? c : NULL;
    }
}

static void take_row(void *ctx, uint32_t row, void *image, bool intact)
{
    struct all_rows *all = ctx;
    unpack(all->form, image, &all->out[row], NULL);
    for (size_t i = 0; i < all->picks; i++) {
        int64_t value = COLUMN_NO_INT;
        if (all->picked[i]) memcpy(&value, (const char *)image + all->picked[i]->offset, sizeof value);
        if (value != COLUMN_NO_INT) all->pick[i].out[row] = value;
    }
    if (intact) return;
    all->out[row].state = JOB_UNUSED;
    all->bad++;
}

int store_read_rows(struct store *s, struct store_row *out, const struct store_pick *pick, size_t *bad, struct err *e)
{
    struct all_rows all = { .form = &s->form, .out = out, .pick = pick };
    find_picks(&all);
    if (rows_each(s, take_row, &all, e)) return -1;
    if (bad) *bad = all.bad;
    return 0;
}

int store_write_row(struct store *s, uint32_t row, struct store_row *r, struct err *e)
{
    if (load_image(s, row, e)) return -1;
    memcpy(&r->sequence, (char *)s->image + s->form.sequence_at, sizeof r->sequence);
    r->sequence++;
    r->updated = clock_unix();
    convert_run(&s->form.out, r, s->image);
    row_seal(&s->form, s->image);
    memcpy(&r->row_sum, (char *)s->image + s->form.sum_at, sizeof r->row_sum);
    if (row == s->own_row) {
        memcpy(s->own_image, s->image, s->form.bytes);
        s->own_image_row = row;
    }
    return table_write(s, TABLE_JOBS, row, 1, s->image, e);
}

int store_read_texts(struct store *s, uint32_t row, char *canonical, char *inputs, struct err *e)
{
    MUST(row < store_rows(s));
    if (canonical) {
        if (table_read(s, TABLE_CANONICAL, row, 1, canonical, e)) return -1;
        canonical[STORE_CANONICAL - 1] = '\0';
    }
    if (inputs) {
        struct input_record record;
        if (table_read(s, TABLE_INPUTS, row, 1, &record, e)) return -1;
        memcpy(inputs, record.text, STORE_INPUTS);
        inputs[STORE_INPUTS - 1] = '\0';
    }
    return 0;
}
