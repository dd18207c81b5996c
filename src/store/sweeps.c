#include "store/private.h"

#include <string.h>

static int damaged(const struct store *s, const char *what, size_t i, struct err *e)
{
    return err_at(e, ERR_STORE, s->path, NOWHERE, NULL, "%s %zu is damaged", what, i);
}

int read_sweep_records(struct store *s, struct arena *a, struct sweep_record **out, struct err *e)
{
    const size_t count = table_used(s, TABLE_SWEEPS);
    *out = ARENA_NEW(a, count, struct sweep_record);
    if (table_read(s, TABLE_SWEEPS, 0, count, *out, e)) return -1;
    for (size_t i = 0; i < count; i++) {
        const struct sweep_record *r = &(*out)[i];
        bool sound = r->sum == record_sum(r, sizeof *r) && r->offset + r->length <= s->control.text;
        if (!sound) return damaged(s, "the record of sweep", i, e);
    }
    return 0;
}

int read_grid_records(struct store *s, struct arena *a, struct grid_record **out, struct err *e)
{
    const size_t count = table_used(s, TABLE_GRIDS);
    *out = ARENA_NEW(a, count, struct grid_record);
    if (table_read(s, TABLE_GRIDS, 0, count, *out, e)) return -1;
    for (size_t i = 0; i < count; i++) {
        const struct grid_record *r = &(*out)[i];
        if (r->sum != record_sum(r, sizeof *r) || r->row >= s->control.rows) return damaged(s, "record of /grids", i, e);
    }
    return 0;
}

/* The stored texts are NUL-padded and may fill their place; the caller's are NUL-terminated. */
#define TAKE_TEXT(to, from) memcpy((to), (from), sizeof(to) - 1)

int store_read_sweeps(struct store *s, struct arena *a, struct store_sweep **out, size_t *count, struct err *e)
{
    struct sweep_record *record;
    if (read_sweep_records(s, a, &record, e)) return -1;
    *count = table_used(s, TABLE_SWEEPS);
    *out = ARENA_NEW(a, *count, struct store_sweep);
    for (size_t i = 0; i < *count; i++) {
        struct store_sweep *sweep = &(*out)[i];
        TAKE_TEXT(sweep->name, record[i].name);
        TAKE_TEXT(sweep->time, record[i].time);
        TAKE_TEXT(sweep->command, record[i].command);
        char *text = arena_alloc(a, record[i].length + 1);
        if (table_read(s, TABLE_TEXT, record[i].offset, record[i].length, text, e)) return -1;
        if (checksum(text, record[i].length) != record[i].text_sum) return damaged(s, "the text of sweep", i, e);
        sweep->text = text;
    }
    return 0;
}

int store_read_uses(struct store *s, struct arena *a, struct store_grid **out, size_t *count, struct err *e)
{
    struct grid_record *record;
    if (read_grid_records(s, a, &record, e)) return -1;
    *count = table_used(s, TABLE_GRIDS);
    *out = ARENA_NEW(a, *count, struct store_grid);
    for (size_t i = 0; i < *count; i++) {
        struct store_grid *use = &(*out)[i];
        TAKE_TEXT(use->sweep, record[i].sweep);
        TAKE_TEXT(use->name, record[i].grid);
        use->row = (uint32_t)record[i].row;
    }
    return 0;
}
