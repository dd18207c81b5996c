#include "store/add.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "disk/types.h"
#include "store/family.h"
#include "store/intake.h"
#include "store/orphans.h"
#include "store/row.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct adding {
    struct store *s;
    struct intake *in;
    struct arena arena;
    struct convert spec;        /* the need's columns to the row's     */
    void *blank;                /* a row with every column missing     */
    size_t *cursor;             /* [need families] sibling in use       */
    uint64_t *sums;             /* of a row of any family               */
    struct longs_packed packed; /* of the job that is described   */
};

static void adding_init(struct adding *a, struct store *s, struct intake *in)
{
    *a = (struct adding){ .s = s, .in = in };
    size_t most = 1;
    slots_open(&in->slots, s, &in->arena);
    for (size_t i = 0; i < s->families; i++)
        if (s->family[i].parts > most) most = s->family[i].parts;
    convert_init(&a->spec, in->need->specs.column ? in->need->specs.column : &(struct column)COLUMN_END,
                 s->form.column, &a->arena);
    a->blank = arena_alloc(&a->arena, s->form.bytes);
    columns_blank(s->form.column, a->blank);
    a->cursor = ARENA_NEW(&a->arena, in->need->families, size_t);
    a->sums = ARENA_NEW(&a->arena, most, uint64_t);
}

/* The next free row of the need's family or of one of its siblings. */
static void take_slot(struct adding *a, size_t need_family, int64_t *family, int64_t *row)
{
    const struct store_family *want = &a->in->need->family[need_family];
    size_t *i = &a->cursor[need_family];
    while (!family_takes(&a->s->family[*i], want) || !slots_free(&a->in->slots, *i)) {
        ++*i;
        MUST(*i < a->s->families);
    }
    *family = (int64_t)*i;
    *row = (int64_t)slots_next(&a->in->slots, *i);
}

/* Space that a killed growth or a job before has used may hold old words, so zeros are checked, not taken for
 * granted. */
static int clear_sums(struct adding *a, int64_t family, int64_t row, struct err *e)
{
    const struct family *f = &a->s->family[family];
    bool clear = true;
    if (sums_read(a->s, f, (size_t)row, 0, f->parts, a->sums, e)) return -1;
    for (size_t i = 0; i < f->parts; i++) clear = clear && a->sums[i] == 0;
    if (clear) return 0;
    memset(a->sums, 0, f->parts * sizeof *a->sums);
    return sums_write(a->s, f, (size_t)row, 0, f->parts, a->sums, e);
}

/* Most jobs have no inputs, and then the table stays a hole in the file. */
static int put_inputs(struct store *s, uint32_t row, const char *text, struct err *e)
{
    struct input_record have, want = { .sum = 0 };
    if (text && strlen(text) >= sizeof want.text)
        return err_set(e, ERR_SPEC, "the paths of a job's files take %zu bytes, and fewer than %zu fit", strlen(text),
                       sizeof want.text);
    if (text) memcpy(want.text, text, strlen(text));
    if (want.text[0]) want.sum = hash_sum(want.text, sizeof want.text);
    if (table_read(s, TABLE_INPUTS, row, 1, &have, e)) return -1;
    if (!memcmp(&have, &want, sizeof have)) return 0;
    return table_write(s, TABLE_INPUTS, row, 1, &want, e);
}

static int describe(struct adding *a, size_t job, void *image, char *canonical, struct err *e)
{
    const struct store_need *need = a->in->need;
    const struct row_form *form = &a->s->form;
    struct store_job j = { 0 };
    char id[ID_CHARS + 1];
    need->job(need->ctx, job, &j);
    if (longs_pack(j.canonical, &a->packed, e)) return -1;
    memcpy(canonical, a->packed.record, STORE_CANONICAL);
    memcpy(j.row.id, id_text(need->id[job], id), ID_CHARS);
    take_slot(a, (size_t)j.row.family, &j.row.family, &j.row.family_row);
    row_end_next(&j.row);
    j.row.state = JOB_PENDING;
    j.row.attempts = 0;
    j.row.sequence = j.row.data_sum = 0;
    memcpy(image, a->blank, form->bytes);
    convert_run(&form->out, &j.row, image);
    if (j.spec) convert_run(&a->spec, j.spec, image);
    row_seal(form, image);
    return clear_sums(a, j.row.family, j.row.family_row, e) || put_inputs(a->s, a->in->row[job], j.inputs, e) ? -1
                                                                                                              : 0;
}

static int add_rows(struct adding *a, struct err *e)
{
    const struct intake *in = a->in;
    const size_t bytes = a->s->form.bytes, old = store_rows(a->s);
    char *image = arena_array(&a->arena, BLOCK, bytes), *canonical = arena_array(&a->arena, BLOCK, STORE_CANONICAL);
    for (size_t first = 0; first < in->new_jobs; first += BLOCK) {
        size_t count = in->new_jobs - first < BLOCK ? in->new_jobs - first : BLOCK;
        for (size_t i = 0; i < count; i++)
            if (describe(a, in->fresh[first + i], image + i * bytes, canonical + i * STORE_CANONICAL, e)) return -1;
        if (table_write(a->s, TABLE_JOBS, old + first, count, image, e) ||
            table_write(a->s, TABLE_CANONICAL, old + first, count, canonical, e))
            return -1;
    }
    return 0;
}

static int refresh_inputs(struct adding *a, struct err *e)
{
    const struct store_need *need = a->in->need;
    for (size_t i = 0; i < need->jobs; i++) {
        struct store_job j = { 0 };
        if (a->in->row[i] >= store_rows(a->s)) continue;
        need->job(need->ctx, i, &j);
        if (put_inputs(a->s, a->in->row[i], j.inputs, e)) return -1;
    }
    return 0;
}

/* Marks first: whatever comes of this run, they are to be looked at. */
static int mark_doubtful(struct adding *a, struct err *e)
{
    for (size_t i = 0; i < a->in->confirms; i++) {
        struct store_row r;
        if (store_read_row(a->s, a->in->confirm[i], &r, NULL, e)) return -1;
        row_end_next(&r);
        r.next_state = NEXT_CONFIRM;
        if (store_write_row(a->s, a->in->confirm[i], &r, e)) return -1;
    }
    return 0;
}

static size_t family_of_job(const struct adding *a, uint32_t job)
{
    struct store_job j = { 0 };
    a->in->need->job(a->in->need->ctx, job, &j);
    return (size_t)j.row.family;
}

/* Arrays beside those that a finished job has. */
static int give_next(struct adding *a, struct err *e)
{
    for (size_t i = 0; i < a->in->agains; i++) {
        const uint32_t job = a->in->again[i], row = a->in->row[job];
        struct store_row r;
        if (store_read_row(a->s, row, &r, NULL, e)) return -1;
        struct store_row old = r;
        const bool begun = store_next(&old); /* in arrays that are not what is wanted any more */
        take_slot(a, family_of_job(a, job), &r.next_family, &r.next_row);
        if (a->in->need->fate && a->in->need->fate[job] == STORE_RETRAIN) r.next_state = NEXT_PENDING;
        r.next_attempts = r.next_epochs = 0;
        r.next_deaths = 0;
        if (clear_sums(a, r.next_family, r.next_row, e) || store_write_row(a->s, row, &r, e)) return -1;
        if (begun) orphans_release_row(a->s, &old);
    }
    return 0;
}

/* It may count in another unit than it was to. */
static void take_length(struct adding *a, uint32_t job, struct store_row *r)
{
    struct store_job described;
    a->in->need->job(a->in->need->ctx, job, &described);
    r->epochs = described.row.epochs;
    r->t = described.row.t;
    r->eval_every = described.row.eval_every;
    memcpy(r->length_unit, described.row.length_unit, sizeof r->length_unit);
}

/* Out of arrays that an earlier version has made, or that were made for less than is asked for now: it begins anew.
 * What was decided of it, failed, blocked or skipped, stands until this run decides again. */
static int move_jobs(struct adding *a, struct err *e)
{
    for (size_t i = 0; i < a->in->moves; i++) {
        const uint32_t job = a->in->move[i], row = a->in->row[job];
        struct store_row r, old;
        if (store_read_row(a->s, row, &r, NULL, e)) return -1;
        old = r;
        take_slot(a, family_of_job(a, job), &r.family, &r.family_row);
        take_length(a, job, &r);
        r.attempts = r.epochs_done = 0;
        r.seconds = 0;
        r.t_mem = r.t_gen = r.end = COLUMN_NO_INT;
        r.tau_grok = r.train_loss = r.train_accuracy = r.test_loss = r.test_accuracy = (double)NAN;
        if (clear_sums(a, r.family, r.family_row, e)) return -1;
        if (r.data_sum) r.data_sum = sums_sum(&a->s->family[r.family], a->sums);
        if (store_write_row(a->s, row, &r, e)) return -1;
        orphans_release_row(a->s, &old);
    }
    return 0;
}

/* In place; what was in the arrays that the damaged row spoke of is left behind. */
static int rebuild_rows(struct adding *a, struct err *e)
{
    const struct intake *in = a->in;
    char *image = arena_alloc(&a->arena, a->s->form.bytes), *canonical = arena_alloc(&a->arena, STORE_CANONICAL);
    for (size_t i = 0; i < in->rebuilds; i++) {
        const uint32_t row = in->row[in->rebuild[i]];
        if (describe(a, in->rebuild[i], image, canonical, e) ||
            table_write(a->s, TABLE_CANONICAL, row, 1, canonical, e) ||
            table_write(a->s, TABLE_JOBS, row, 1, image, e))
            return -1;
    }
    return 0;
}

static int add_uses(struct adding *a, struct err *e)
{
    const struct intake *in = a->in;
    size_t behind = a->s->control.grids;
    for (size_t i = 0; i < in->uses; i++) {
        const struct grid_record r = intake_use(in, in->use[i].use);
        const size_t at = in->use[i].at == SIZE_MAX ? behind++ : in->use[i].at;
        if (table_write(a->s, TABLE_GRIDS, at, 1, &r, e)) return -1;
    }
    return 0;
}

static int add_sweeps(struct adding *a, struct err *e)
{
    const struct store_need *need = a->in->need;
    const struct control *c = &a->s->control;
    size_t offset = c->text;
    for (size_t i = 0; i < a->in->new_sweeps; i++) {
        const struct store_text *sweep = &need->sweep[a->in->sweep[i]];
        struct sweep_record r = { .offset = offset, .length = strlen(sweep->text) };
        char now[32], *text = arena_text(&a->arena, sweep->text, r.length);
        MUST(text_copy(r.name, sizeof r.name, sweep->name, sizeof r.name));
        MUST(text_copy(r.time, sizeof r.time, clock_iso(clock_unix(), now), sizeof r.time));
        text_brief(r.command, sizeof r.command, "%s", need->command_line ? need->command_line : "");
        r.text_sum = hash_sum(text, r.length);
        r.sum = table_record_sum(&r, sizeof r);
        if (table_write(a->s, TABLE_TEXT, offset, r.length, text, e) ||
            table_write(a->s, TABLE_SWEEPS, c->sweeps + i, 1, &r, e))
            return -1;
        offset += r.length;
    }
    return 0;
}

/* Before the rows whose texts they are a part of. */
static int add_longs(struct adding *a, struct err *e)
{
    uint64_t offset = a->in->long_end;
    for (size_t i = 0; i < a->in->values; i++) {
        if (longs_write(a->s, &a->in->value[i], offset, e)) return -1;
        offset += a->in->value[i].length;
    }
    longs_forget(a->s);
    return 0;
}

/* One write makes all that was added count. */
static int commit(struct adding *a, struct err *e)
{
    struct control *c = &a->s->control;
    struct control now = *c;
    for (enum table_id i = 0; i < TABLES; i++) MUST(intake_used(a->in, a->s, i) <= a->s->table[i].capacity);
    now.text = intake_used(a->in, a->s, TABLE_TEXT);
    now.rows += a->in->new_jobs;
    now.grids = intake_used(a->in, a->s, TABLE_GRIDS);
    now.sweeps += a->in->new_sweeps;
    now.long_texts += a->in->new_longs;
    if (!memcmp(&now, c, sizeof now)) return 0;
    if (file_sync(a->s->disk.path, e)) return -1;
    *c = now;
    return control_write(a->s, e);
}

int add_intake(struct store *s, struct intake *in, struct err *e)
{
    struct adding a;
    adding_init(&a, s, in);
    int rc = add_longs(&a, e) || refresh_inputs(&a, e) || mark_doubtful(&a, e) || give_next(&a, e) ||
                     move_jobs(&a, e) || add_rows(&a, e) || rebuild_rows(&a, e) || add_uses(&a, e) ||
                     add_sweeps(&a, e) || commit(&a, e) || (in->need->repair && orphans_release(s, e))
                 ? -1
                 : 0;
    arena_release(&a.arena);
    return rc;
}
