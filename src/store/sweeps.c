#include "store/sweeps.h"
#include "store/tables.h"

#include <string.h>

bool sweep_sound(const struct store *s, const struct sweep_record *r)
{
    return r->sum == table_record_sum(r, sizeof *r) && r->offset <= s->control.text &&
           r->length <= s->control.text - r->offset;
}

bool sweeps_grid_sound(const struct store *s, const struct grid_record *r)
{
    return r->sum == table_record_sum(r, sizeof *r) && r->row < s->control.rows &&
           (r->spacing == COLUMN_NO_INT || r->spacing > 0) && r->end >= COLUMN_NO_INT && r->t_mem >= COLUMN_NO_INT &&
           r->t_gen >= COLUMN_NO_INT;
}

static int damaged(const struct store *s, const char *what, size_t i, struct err *e)
{
    return err_at(e, ERR_STORE, s->disk.path, NOWHERE, NULL, "%s %zu is damaged", what, i);
}

/* The stored texts are NUL-padded and may fill their place; the caller's are NUL-terminated. */
#define TAKE_TEXT(to, from) memcpy((to), (from), sizeof(to) - 1)

bool sweeps_next(const struct sweep_record *r, uint64_t *end)
{
    const bool next = r->offset >= *end && r->length <= UINT64_MAX - r->offset;
    if (next) *end = r->offset + r->length;
    return next;
}

char *sweep_text(struct store *s, const struct sweep_record *r, struct arena *a, struct err *e)
{
    if (!sweep_sound(s, r)) return NULL;
    char *text = arena_alloc(a, r->length + 1);
    if (table_read(s, TABLE_TEXT, r->offset, r->length, text, e)) return NULL;
    return hash_sum(text, r->length) == r->text_sum ? text : NULL;
}

int sweep_read(struct store *s, size_t i, struct arena *a, struct store_sweep *out, struct err *e)
{
    struct sweep_record r;
    if (table_read(s, TABLE_SWEEPS, i, 1, &r, e)) return -1;
    *out = (struct store_sweep){ .text = NULL };
    TAKE_TEXT(out->name, r.name);
    TAKE_TEXT(out->time, r.time);
    TAKE_TEXT(out->command, r.command);
    out->text = sweep_text(s, &r, a, e);
    return out->text ? 0 : e->kind ? -1 : damaged(s, "record of /sweeps, or its text,", i, e);
}

int store_read_sweeps(struct store *s, struct arena *a, struct store_sweep **out, size_t *count, struct err *e)
{
    uint64_t end = 0;
    *count = table_used(s, TABLE_SWEEPS);
    *out = ARENA_NEW(a, *count, struct store_sweep);
    for (size_t i = 0; i < *count; i++) {
        struct sweep_record r;
        if (table_read(s, TABLE_SWEEPS, i, 1, &r, e)) return -1;
        if (!sweeps_next(&r, &end)) return damaged(s, "the place of the text of record of /sweeps", i, e);
        if (sweep_read(s, i, a, &(*out)[i], e)) return -1;
    }
    return 0;
}

int sweeps_read_uses(struct store *s, size_t first, size_t count, struct store_grid *out, struct err *e)
{
    struct grid_record record[BLOCK];
    MUST(count <= BLOCK);
    if (table_read(s, TABLE_GRIDS, first, count, record, e)) return -1;
    for (size_t i = 0; i < count; i++) {
        if (!sweeps_grid_sound(s, &record[i])) return damaged(s, "record of /grids", first + i, e);
        out[i] = (struct store_grid){ .row = (uint32_t)record[i].row,
                                      .threshold = record[i].threshold,
                                      .spacing = record[i].spacing,
                                      .end = record[i].end,
                                      .t_mem = record[i].t_mem,
                                      .t_gen = record[i].t_gen,
                                      .tau_grok = record[i].tau,
                                      .train_loss = record[i].train_loss,
                                      .train_accuracy = record[i].train_accuracy,
                                      .test_loss = record[i].test_loss,
                                      .test_accuracy = record[i].test_accuracy };
        TAKE_TEXT(out[i].stop, record[i].stop);
        TAKE_TEXT(out[i].ended_by, record[i].ended_by);
        TAKE_TEXT(out[i].sweep, record[i].sweep);
        TAKE_TEXT(out[i].name, record[i].grid);
    }
    return 0;
}

int store_read_uses(struct store *s, struct arena *a, struct store_grid **out, size_t *count, struct err *e)
{
    *count = table_used(s, TABLE_GRIDS);
    *out = ARENA_NEW(a, *count, struct store_grid);
    for (size_t i = 0; i < *count; i += BLOCK)
        if (sweeps_read_uses(s, i, *count - i < BLOCK ? *count - i : BLOCK, *out + i, e)) return -1;
    return 0;
}

int store_write_use(struct store *s, size_t index, const struct store_grid *use, struct err *e)
{
    struct grid_record r;
    if (table_read(s, TABLE_GRIDS, index, 1, &r, e)) return -1;
    r.end = use->end;
    r.t_mem = use->t_mem;
    r.t_gen = use->t_gen;
    r.tau = use->tau_grok;
    r.train_loss = use->train_loss;
    r.train_accuracy = use->train_accuracy;
    r.test_loss = use->test_loss;
    r.test_accuracy = use->test_accuracy;
    memcpy(r.ended_by, use->ended_by, sizeof r.ended_by);
    r.sum = table_record_sum(&r, sizeof r);
    return table_write(s, TABLE_GRIDS, index, 1, &r, e);
}
