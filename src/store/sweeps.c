#include "store/private.h"

#include <string.h>

bool sweep_sound(const struct store *s, const struct sweep_record *r)
{
    return r->sum == record_sum(r, sizeof *r) && r->offset <= s->control.text &&
           r->length <= s->control.text - r->offset;
}

bool grid_sound(const struct store *s, const struct grid_record *r)
{
    return r->sum == record_sum(r, sizeof *r) && r->row < s->control.rows;
}

static int damaged(const struct store *s, const char *what, size_t i, struct err *e)
{
    return err_at(e, ERR_STORE, s->path, NOWHERE, NULL, "%s %zu is damaged", what, i);
}

/* The stored texts are NUL-padded and may fill their place; the caller's are NUL-terminated. */
#define TAKE_TEXT(to, from) memcpy((to), (from), sizeof(to) - 1)

char *sweep_text(struct store *s, const struct sweep_record *r, struct arena *a, struct err *e)
{
    if (!sweep_sound(s, r)) return NULL;
    char *text = arena_alloc(a, r->length + 1);
    if (table_read(s, TABLE_TEXT, r->offset, r->length, text, e)) return NULL;
    return checksum(text, r->length) == r->text_sum ? text : NULL;
}

static int read_sweep(struct store *s, size_t i, const struct sweep_record *r, struct arena *a,
                      struct store_sweep *out, struct err *e)
{
    TAKE_TEXT(out->name, r->name);
    TAKE_TEXT(out->time, r->time);
    TAKE_TEXT(out->command, r->command);
    out->text = sweep_text(s, r, a, e);
    return out->text ? 0 : e->kind ? -1 : damaged(s, "record of /sweeps, or its text,", i, e);
}

bool sweeps_next(const struct sweep_record *r, uint64_t *end)
{
    const bool next = r->offset >= *end && r->length <= UINT64_MAX - r->offset;
    if (next) *end = r->offset + r->length;
    return next;
}

int store_read_sweeps(struct store *s, struct arena *a, struct store_sweep **out, size_t *count, struct err *e)
{
    uint64_t end = 0;
    *count = table_used(s, TABLE_SWEEPS);
    *out = ARENA_NEW(a, *count, struct store_sweep);
    struct sweep_record *record = ARENA_NEW(a, *count, struct sweep_record);
    if (table_read(s, TABLE_SWEEPS, 0, *count, record, e)) return -1;
    for (size_t i = 0; i < *count; i++) {
        if (!sweeps_next(&record[i], &end)) return damaged(s, "the place of the text of record of /sweeps", i, e);
        if (read_sweep(s, i, &record[i], a, &(*out)[i], e)) return -1;
    }
    return 0;
}

int store_read_uses(struct store *s, struct arena *a, struct store_grid **out, size_t *count, struct err *e)
{
    *count = table_used(s, TABLE_GRIDS);
    *out = ARENA_NEW(a, *count, struct store_grid);
    struct grid_record record[BLOCK];
    for (size_t i = 0; i < *count; i++) {
        const struct grid_record *r = &record[i % BLOCK];
        const size_t rest = *count - i < BLOCK ? *count - i : BLOCK;
        if (i % BLOCK == 0 && table_read(s, TABLE_GRIDS, i, rest, record, e)) return -1;
        if (!grid_sound(s, r)) return damaged(s, "record of /grids", i, e);
        TAKE_TEXT((*out)[i].sweep, r->sweep);
        TAKE_TEXT((*out)[i].name, r->grid);
        (*out)[i].row = (uint32_t)r->row;
    }
    return 0;
}
