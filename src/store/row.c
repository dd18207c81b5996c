#include "store/row.h"
#include "base/clock.h"
#include "disk/types.h"
#include "store/family.h"
#include "store/longs.h"
#include "store/tables.h"

#include <math.h>
#include <string.h>

const char *const job_state_name[] = { "unused", "pending", "running", "done", "failed", "blocked", "skipped", NULL };
_Static_assert(ARRAY_LEN(job_state_name) == JOB_STATES + 1, "name the new state");
static const char *const next_state_name[] = { "none", "confirm", "pending", "running", NULL };
_Static_assert(ARRAY_LEN(next_state_name) == NEXT_STATES + 1, "name the new state");

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
    ROW_TEXT(
        t_asked,
        "the parent's checkpoint: mem, gen, an epoch, or a formula; `final` is the parent's last, by its number"),
    ROW_TEXT(host, "where the job ran last"),
    ROW_TEXT(error, "why it failed, is blocked or was skipped"),
    ROW(COLUMN_I64, seed, "", "key of every random stream"),
    ROW(COLUMN_I64, t, "", "the parent's checkpoint that was used"),
    ROW(COLUMN_I64, epochs, "", "to train, in units of length_unit"),
    ROW(COLUMN_I64, epochs_done, "", "completed, in units of length_unit"),
    ROW(COLUMN_I64, t_mem, "", "first with train accuracy above the threshold, or loss below the bound"),
    ROW(COLUMN_I64, t_gen, "", "first with test accuracy above the threshold, or loss below the bound"),
    ROW(COLUMN_I64, rank, "", "MPI rank that ran the job last"),
    ROW(COLUMN_F64, k, "1", "prune rate: fraction of the prunable weights to remove"),
    ROW(COLUMN_F64, tau_grok, "1", "t_gen / t_mem"),
    ROW(COLUMN_F64, train_loss, "", "at the last evaluation, of a job that is done at its end"),
    ROW(COLUMN_F64, train_accuracy, "1", "the same"),
    ROW(COLUMN_F64, test_loss, "", "the same"),
    ROW(COLUMN_F64, test_accuracy, "1", "the same"),
    ROW(COLUMN_F64, seconds, "s", "wall time of all attempts"),
    ROW(COLUMN_F64, started, "s", "Unix time of the last start"),
    ROW(COLUMN_F64, ended, "s", "Unix time of the last end"),
    ROW(COLUMN_F64, updated, "s", "Unix time of the last write of this row: how fresh a running job's values are"),
    ROW(COLUMN_I64, family, "", "`index` of the group in /families that holds the arrays"),
    ROW(COLUMN_I64, family_row, "", "first axis of the arrays"),
    ROW(COLUMN_I64, attempts, "1", "starts since the newest resume point, but for those that were stopped"),
    ROW(COLUMN_U64, sequence, "1", "counts the writes of this row"),
    ROW(COLUMN_U64, data_sum, "", "checksum of the job's row of families/F/sums; 0: nothing is vouched for"),
    ROW(COLUMN_U64, row_sum, "", "XXH3-64 of this row with this word as 0"),
    { "state", COLUMN_ENUM, offsetof(struct store_row, state), 0, job_state_name, "", "" },
    /* Up to here every store has them: ROW_FIRST.  What follows may be missing in one of an earlier version. */
    ROW(COLUMN_U64, deaths, "1", "known deaths of its process since it made progress"),
    ROW(COLUMN_U64, parent_sum, "", "checksum of the parent's weights that it was made from; 0: none, or not known"),
    ROW_TEXT(trajectory, "shared by jobs that differ in nothing but their lengths"),
    ROW_TEXT(machine, "kernel level and BLAS core: where they are the same, so are the bits"),
    ROW_TEXT(length_unit,
             "what the job counts in, epoch or step: of epochs, epochs_done, end, t, t_mem, t_gen, eval_every"),
    ROW_TEXT(ended_by,
             "the stop rule that ended it before its length: a t_mem or t_gen that is missing is not known then"),
    ROW_TEXT(stop, "the stop rules of the grid that asked for it first"),
    ROW(COLUMN_I64, end, "",
        "where it ends by them; epochs_done may be later: other grids, or what is made of it, need more"),
    ROW(COLUMN_I64, steps_done, "step", "weight updates that were made"),
    ROW(COLUMN_I64, eval_every, "",
        "spacing of the evaluations, of which t_mem and t_gen are two; below 0: so many a decade"),
    ROW(COLUMN_F64, threshold, "", "that t_mem and t_gen exceed; the loss bound of a regression task"),
    ROW(COLUMN_F64, k_removed, "1", "fraction of the prunable weights that the mask removes"),
    ROW(COLUMN_I64, plan_version, "", "of the compiler that planned its network"),
    ROW(COLUMN_U64, plan_hash, "", "of that plan; 0: none"),
    { "next_state", COLUMN_ENUM, offsetof(struct store_row, next_state), 0, next_state_name, "",
      "is a job that is done trained again? its results stay until that is done, too" },
    ROW(COLUMN_I64, next_family, "", "family of the next training's arrays"),
    ROW(COLUMN_I64, next_row, "", "their first axis"),
    ROW(COLUMN_I64, next_attempts, "1", "as attempts, of the next training"),
    ROW(COLUMN_U64, next_deaths, "1", "as deaths, of the next training"),
    ROW(COLUMN_I64, next_epochs, "", "completed in the next training"),
    ROW(COLUMN_U64, next_plan_hash, "", "as plan_hash, of the next training"),
    COLUMN_END,
};
enum { ROW_FIRST = 35 };

static uint64_t image_sum(const struct row_form *f, void *image)
{
    memset((char *)image + f->sum_at, 0, sizeof(uint64_t));
    return hash_sum(image, f->bytes);
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

/* ---- what a row may say ---- */

enum { WHOLE_BITS = 53 };

/* Whose writers have always ended them; names may fill their places. */
static const char *const ended_texts[] = { "t_asked", "host", "error" };

static size_t place_of(const struct row_form *f, const char *name)
{
    const struct column *c = columns_find(f->column, name);
    return c ? c->offset : SIZE_MAX;
}

/* Which values of an enum of the file have one of our names. */
static void find_known(const struct row_form *f, const char *column, const char *const *ours, bool known[256])
{
    const struct column *c = columns_find(f->column, column);
    for (size_t value = 0; c && c->names[value] && value < 256; value++)
        for (size_t i = 0; ours[i]; i++)
            if (!strcmp(c->names[value], ours[i])) known[value] = true;
}

bool row_find_places(struct row_form *f, struct arena *a)
{
    const size_t all = columns_count(store_columns);
    MUST(!strcmp(store_columns[ROW_FIRST - 1].name, "state"));
    if (!columns_include(f->column, store_columns, ROW_FIRST)) return false;
    if (columns_find(f->column, "id")->size != ID_CHARS || columns_find(f->column, "parent")->size != ID_CHARS)
        return false;
    f->sum_at = place_of(f, "row_sum");
    f->sequence_at = place_of(f, "sequence");
    struct row_places *at = &f->at;
    *at = (struct row_places){ .id = place_of(f, "id"),
                               .parent = place_of(f, "parent"),
                               .state = place_of(f, "state"),
                               .family = place_of(f, "family"),
                               .family_row = place_of(f, "family_row"),
                               .next_state = place_of(f, "next_state"),
                               .next_family = place_of(f, "next_family"),
                               .next_row = place_of(f, "next_row"),
                               .whole = ARENA_NEW(a, all, size_t),
                               .end = ARENA_NEW(a, ARRAY_LEN(ended_texts), size_t) };
    for (const struct column *c = store_columns; c->name; c++)
        if (c->type == COLUMN_I64 && strcmp(c->name, "seed") != 0 && columns_find(f->column, c->name))
            at->whole[at->wholes++] = place_of(f, c->name);
    for (size_t i = 0; i < ARRAY_LEN(ended_texts); i++)
        at->end[at->ends++] = place_of(f, ended_texts[i]) + columns_find(f->column, ended_texts[i])->size - 1;
    if (at->next_state != SIZE_MAX && (at->next_family == SIZE_MAX || at->next_row == SIZE_MAX)) return false;
    find_known(f, "state", job_state_name + 1, at->known);
    find_known(f, "next_state", next_state_name, at->known_next);
    return true;
}

static int64_t whole_at(const void *image, size_t at)
{
    int64_t value;
    memcpy(&value, (const char *)image + at, sizeof value);
    return value;
}

/* As id_parse, without branches: this is asked of every row that anybody reads. */
static bool is_id(const char *text)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < ID_CHARS; i++) {
        const unsigned char c = (unsigned char)text[i];
        wrong |= ((unsigned)(c - '0') > 9) & ((unsigned)(c - 'a') > 5);
    }
    return !wrong;
}

static const char *place_fault(const struct store *s, int64_t family, int64_t row)
{
    if (family < 0 || (uint64_t)family >= s->families) return "there is no such family";
    if (row < 0 || (uint64_t)row >= s->family[family].capacity) return "its family has no such row";
    return NULL;
}

static const char *next_fault(const struct store *s, const void *image)
{
    const struct row_places *at = &s->form.at;
    if (at->next_state == SIZE_MAX) return NULL;
    if (!at->known_next[((const uint8_t *)image)[at->next_state]]) return "its next state means nothing";
    const int64_t family = whole_at(image, at->next_family), row = whole_at(image, at->next_row);
    return family == COLUMN_NO_INT && row == COLUMN_NO_INT ? NULL : place_fault(s, family, row);
}

const char *row_fault(const struct store *s, const void *image)
{
    const struct row_places *at = &s->form.at;
    const char *bytes = image;
    if (!at->known[(uint8_t)bytes[at->state]]) return "its state means nothing";
    const char *fault = place_fault(s, whole_at(image, at->family), whole_at(image, at->family_row));
    if (!fault) fault = next_fault(s, image);
    if (fault) return fault;
    if (!is_id(bytes + at->id)) return "its id is none";
    if (bytes[at->parent] && !is_id(bytes + at->parent)) return "its parent's id is none";
    for (size_t i = 0; i < at->wholes; i++) {
        const int64_t value = whole_at(image, at->whole[i]);
        if (value > INT64_C(1) << WHOLE_BITS || value < -(INT64_C(1) << WHOLE_BITS))
            return "a number is out of range";
    }
    for (size_t i = 0; i < at->ends; i++)
        if (bytes[at->end[i]]) return "a text has no end";
    return NULL;
}

/* ---- reading ---- */

/* A writer needs microseconds for a row or a part, unless the scheduler stops it half-way: about 25 ms of patience,
 * and PATIENCE for all that is damaged together. */
bool row_wait(struct store *s, double *nap)
{
    if (*nap >= 0.02 || s->patience <= 0) return false;
    s->patience -= *nap;
    clock_sleep(*nap);
    *nap *= 2;
    return true;
}

int row_load(struct store *s, size_t row, void *image, bool *intact, struct err *e)
{
    double nap = 1e-4;
    do {
        if (table_read(s, TABLE_JOBS, row, 1, image, e)) return -1;
        *intact = row_intact(&s->form, image);
    } while (!*intact && row_wait(s, &nap));
    *intact = *intact && !row_fault(s, image);
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
            bool intact = row_intact(&s->form, image) && !row_fault(s, image);
            if (!intact) rc = row_load(s, first + i, image, &intact, e);
            if (!rc) visit(ctx, (uint32_t)(first + i), image, intact);
        }
    }
    arena_release(&a);
    return rc;
}

/* The first releases called such a job blocked, and said why in these words. */
static void find_skipped(struct store_row *r)
{
    static const char unneeded[] = "not needed: ", never[] = " never reached t = ";
    const size_t prefix = sizeof unneeded - 1;
    if (!memcmp(r->error, unneeded, prefix)) {
        memmove(r->error, r->error + prefix, sizeof r->error - prefix);
        memset(r->error + sizeof r->error - prefix, 0, prefix);
    } else if (!memmem(r->error, sizeof r->error, never, sizeof never - 1))
        return;
    r->state = JOB_SKIPPED;
}

void row_unpack(const struct row_form *f, const void *image, struct store_row *out)
{
    *out = f->blank;
    convert_run(&f->in, image, out);
    if (out->state == JOB_BLOCKED && f->at.next_state == SIZE_MAX) find_skipped(out);
}

/* ---- the next training of a job that is done ---- */

bool store_next(struct store_row *r)
{
    if (r->next_state < NEXT_PENDING || r->next_family < 0) return false;
    const struct store_row was = *r;
    row_forget(r);
    r->again = true;
    r->state = was.next_state == NEXT_RUNNING ? JOB_RUNNING : JOB_PENDING;
    r->family = was.next_family;
    r->family_row = was.next_row;
    r->attempts = was.next_attempts;
    r->deaths = was.next_deaths;
    r->epochs_done = was.next_epochs;
    r->plan_hash = was.next_plan_hash;
    memcpy(r->error, was.error, sizeof r->error); /* of the last that died */
    return true;
}

void row_end_next(struct store_row *r)
{
    r->again = false;
    r->next_state = NEXT_NONE;
    r->next_family = r->next_row = COLUMN_NO_INT;
    r->next_attempts = r->next_epochs = 0;
    r->next_deaths = r->next_plan_hash = 0;
}

/* Until it is committed, all that is said of it stands beside the old results. */
static struct store_row beside_old(struct store *s, const struct store_row *next)
{
    struct store_row r;
    row_unpack(&s->form, s->image, &r);
    r.next_state = next->state == JOB_RUNNING ? NEXT_RUNNING : NEXT_PENDING;
    r.next_family = next->family;
    r.next_row = next->family_row;
    r.next_attempts = next->attempts;
    r.next_deaths = next->deaths;
    r.next_epochs = next->epochs_done;
    r.next_plan_hash = next->plan_hash;
    memcpy(r.error, next->error, sizeof r.error);
    return r;
}

bool store_stays(struct store *s, uint32_t row, const struct store_row *r)
{
    struct store_row now;
    struct err ignored = { 0 };
    return store_read_row(s, row, &now, NULL, &ignored) ||
           (now.family == r->family && now.family_row == r->family_row);
}

/* Bring a row into s->image.  That of the job at work may be there already, and cannot have changed. */
static int load_image(struct store *s, uint32_t row, struct err *e)
{
    bool intact;
    MUST(row < store_rows(s));
    if (row == s->image_row && row == s->own_row) return 0;
    s->image_row = NO_ROW;
    if (row_load(s, row, s->image, &intact, e)) return -1;
    if (!intact) return err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "row %u of /jobs is damaged", row);
    s->image_row = row;
    return 0;
}

int store_read_row(struct store *s, uint32_t row, struct store_row *out, void *spec, struct err *e)
{
    if (load_image(s, row, e)) return -1;
    if (out) row_unpack(&s->form, s->image, out);
    if (spec) memcpy(spec, (const char *)s->image + s->form.spec_from, s->form.spec_size);
    return 0;
}

enum { PICKS = 8 };
struct all_rows {
    const struct store *s;
    struct arena arena;
    uint8_t **taken; /* [families] a bit for each of their rows */
    struct store_row *out;
    const struct store_pick *pick;
    const struct column *picked[PICKS]; /* the column of each pick, NULL if there is none */
    size_t picks, bad;
};

static void find_picks(struct all_rows *all)
{
    for (const struct store_pick *p = all->pick; p && p->name; p++) {
        const struct column *c = columns_find(all->s->form.column, p->name);
        MUST(all->picks < PICKS);
        all->picked[all->picks++] = c && c->type == COLUMN_I64 ? c : NULL;
    }
}

/* Two jobs cannot have the same arrays: they are the first one's. */
static bool takes_place(struct all_rows *all, const struct store_row *r)
{
    const size_t row = (size_t)r->family_row;
    uint8_t **taken = &all->taken[r->family];
    if (!*taken) *taken = ARENA_SMALL(&all->arena, all->s->family[r->family].capacity / 8 + 1, uint8_t);
    const uint8_t bit = (uint8_t)(1 << row % 8);
    const bool is_free = !((*taken)[row / 8] & bit);
    (*taken)[row / 8] |= bit;
    return is_free;
}

static void take_row(void *ctx, uint32_t row, void *image, bool intact)
{
    struct all_rows *all = ctx;
    row_unpack(&all->s->form, image, &all->out[row]);
    for (size_t i = 0; i < all->picks; i++) {
        int64_t value = COLUMN_NO_INT;
        if (all->picked[i]) memcpy(&value, (const char *)image + all->picked[i]->offset, sizeof value);
        if (value != COLUMN_NO_INT) all->pick[i].out[row] = value;
    }
    if (intact && takes_place(all, &all->out[row])) return;
    all->out[row].state = JOB_UNUSED;
    all->bad++;
}

int store_read_rows(struct store *s, struct store_row *out, const struct store_pick *pick, size_t *bad, struct err *e)
{
    struct all_rows all = { .s = s, .out = out, .pick = pick };
    all.taken = ARENA_NEW(&all.arena, s->families, uint8_t *);
    find_picks(&all);
    const int rc = rows_each(s, take_row, &all, e);
    arena_release(&all.arena);
    if (rc) return -1;
    if (bad) *bad = all.bad;
    return 0;
}

int store_write_row(struct store *s, uint32_t row, struct store_row *r, struct err *e)
{
    if (load_image(s, row, e)) return -1;
    const bool beside = r->again && (r->state == JOB_PENDING || r->state == JOB_RUNNING);
    struct store_row written = beside ? beside_old(s, r) : *r;
    if (r->again && !beside) row_end_next(&written);
    memcpy(&written.sequence, (char *)s->image + s->form.sequence_at, sizeof written.sequence);
    written.sequence++;
    written.updated = clock_unix();
    convert_run(&s->form.out, &written, s->image);
    row_seal(&s->form, s->image);
    memcpy(&written.row_sum, (char *)s->image + s->form.sum_at, sizeof written.row_sum);
    if (row == s->own_row) {
        memcpy(s->own_image, s->image, s->form.bytes);
        s->own_image_row = row;
        s->own_again = r->again;
    }
    r->sequence = written.sequence;
    r->updated = written.updated;
    r->row_sum = written.row_sum;
    return table_write(s, TABLE_JOBS, row, 1, s->image, e);
}

int store_read_texts(struct store *s, uint32_t row, struct buf *canonical, char *inputs, struct err *e)
{
    MUST(row < store_rows(s));
    if (canonical) {
        struct longs_whole whole = { .text = *canonical };
        const int rc = longs_read(s, row, &whole, e);
        *canonical = whole.text;
        if (rc) return -1;
    }
    if (inputs) {
        struct input_record record;
        if (table_read(s, TABLE_INPUTS, row, 1, &record, e)) return -1;
        memcpy(inputs, record.text, STORE_INPUTS);
        inputs[STORE_INPUTS - 1] = '\0';
    }
    return 0;
}

void row_forget(struct store_row *r)
{
    r->state = JOB_PENDING;
    r->epochs_done = r->attempts = 0;
    r->deaths = r->parent_sum = 0;
    r->t_mem = r->t_gen = r->rank = COLUMN_NO_INT;
    r->steps_done = 0;
    r->k_removed = r->tau_grok = r->train_loss = r->train_accuracy = r->test_loss = r->test_accuracy = (double)NAN;
    r->started = r->ended = (double)NAN;
    r->seconds = 0;
    r->data_sum = r->plan_hash = 0;
    r->plan_version = COLUMN_NO_INT;
    memset(r->host, 0, sizeof r->host);
    memset(r->machine, 0, sizeof r->machine);
    memset(r->ended_by, 0, sizeof r->ended_by);
    r->end = COLUMN_NO_INT;
    memset(r->error, 0, sizeof r->error);
    row_end_next(r);
}
