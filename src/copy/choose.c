#include "copy/choose.h"
#include "base/field.h"
#include "base/vec.h"
#include "query/query.h"
#include "store/sweeps.h"

#include <string.h>

/* Which jobs go into a copy: those of some grids for which a condition holds, and all that they are made from. */

/* ---- grids by name ---- */

/** source: which one the record is of. */
typedef void grid_visit(void *ctx, size_t source, const struct grid_record *r);

/* Of damaged records the copy will tell when it comes to them. */
static int grids_each(struct copy *c, grid_visit *visit, void *ctx, struct err *e)
{
    struct grid_record block[BLOCK];
    for (size_t k = 0; k < c->sources; k++) {
        struct store *s = c->source[k].s;
        const size_t used = table_used(s, TABLE_GRIDS);
        for (size_t first = 0; first < used; first += BLOCK) {
            const size_t count = used - first < BLOCK ? used - first : BLOCK;
            if (table_read(s, TABLE_GRIDS, first, count, block, e)) return -1;
            for (size_t i = 0; i < count; i++)
                if (sweeps_grid_sound(s, &block[i])) visit(ctx, k, &block[i]);
        }
    }
    return 0;
}

static struct id key_of(const struct grid_record *r)
{
    return id_of(r->grid, strnlen(r->grid, sizeof r->grid));
}

struct by_grid {
    struct copy *c;
    const char **name;
    size_t names;
    uint32_t **item; /* [sources][rows], or COPY_NOWHERE */
};

static void note_name(void *ctx, size_t source, const struct grid_record *r)
{
    (void)source;
    struct by_grid *by = ctx;
    if (map_number(&by->c->grid_place, key_of(r)) < by->names) return;
    const char *name = arena_text(&by->c->arena, r->grid, strnlen(r->grid, sizeof r->grid));
    *VEC_MORE_IN(&by->c->arena, by->name, by->names) = name;
}

static void find_items(struct by_grid *by)
{
    struct copy *c = by->c;
    by->item = ARENA_NEW(&c->arena, c->sources, uint32_t *);
    for (size_t k = 0; k < c->sources; k++) {
        const size_t rows = store_rows(c->source[k].s);
        by->item[k] = ARENA_NEW(&c->arena, rows + 1, uint32_t);
        for (size_t row = 0; row < rows; row++) by->item[k][row] = COPY_NOWHERE;
        for (size_t i = 0; i < c->items; i++) {
            const uint32_t row = c->spot[i * c->sources + k].row;
            if (row != COPY_NOWHERE) by->item[k][row] = (uint32_t)i;
        }
    }
}

static void choose_use(void *ctx, size_t source, const struct grid_record *r)
{
    struct by_grid *by = ctx;
    const uint32_t item = by->item[source][r->row];
    if (item != COPY_NOWHERE && copy_wants_grid(by->c, r)) by->c->item[item].chosen = true;
}

bool copy_wants_grid(const struct copy *c, const struct grid_record *r)
{
    uint32_t place;
    return !c->grid_wanted || (map_find(&c->grid_place, key_of(r), &place) && c->grid_wanted[place]);
}

/* A grid's jobs are those that it asks for, and what these are made from. */
static void choose_ancestors(struct copy *c)
{
    for (size_t i = 0; i < c->items; i++) {
        uint32_t at = (uint32_t)i;
        if (!c->item[i].chosen) continue;
        while (map_find(&c->index, c->item[at].parent, &at) && !c->item[at].chosen) c->item[at].chosen = true;
    }
}

static int choose_grids(struct copy *c, struct err *e)
{
    struct by_grid by = { .c = c };
    struct err said = { 0 };
    int rc = grids_each(c, note_name, &by, e);
    *VEC_MORE_IN(&c->arena, by.name, by.names) = NULL;
    c->grid_wanted = ARENA_NEW(&c->arena, by.names, bool);
    if (!rc && names_mark(c->wish->grids, "grid", by.name, c->grid_wanted, &said))
        rc = err_set(e, said.kind, "--grid: the store%s %s", c->sources > 1 ? "s have" : " has", said.text);
    if (rc) return -1;
    find_items(&by);
    if (grids_each(c, choose_use, &by, e)) return -1;
    choose_ancestors(c);
    return 0;
}

/* ---- jobs by a condition ---- */

struct by_condition {
    struct copy *c;
    bool *holds; /* [items] */
};

static void note_found(void *ctx, const char *text)
{
    const struct by_condition *by = ctx;
    struct id id;
    uint32_t at;
    if (id_parse(text, &id) && map_find(&by->c->index, id, &at)) by->holds[at] = true;
}

static int choose_where(struct copy *c, struct err *e)
{
    struct by_condition by = { c, ARENA_NEW(&c->arena, c->items + 1, bool) };
    struct err said = { 0 };
    size_t left = 0;
    for (size_t k = 0; k < c->sources; k++)
        if (store_find_where(c->source[k].s, c->wish->where, note_found, &by, &said)) {
            if (said.kind == ERR_SPEC) return err_set(e, said.kind, "--where: %s", said.text);
            *e = said;
            return -1;
        }
    for (size_t i = 0; i < c->items; i++) {
        c->item[i].chosen = c->item[i].chosen && by.holds[i];
        left += c->item[i].chosen;
    }
    return left ? 0
                : err_set(e, ERR_SPEC, "--where: the condition holds for none of the %zu jobs%s", c->items,
                          c->wish->grids ? " of these grids" : "");
}

/* ---- all of it ---- */

static bool is_due(const struct copy *c, const struct item *item)
{
    return item->chosen && (item->finished || !c->wish->archive);
}

bool copy_wants(const struct copy *c, const struct item *item)
{
    return is_due(c, item) || item->needed;
}

bool copy_chooses(const struct copy *c)
{
    return c->wish->grids || c->wish->where;
}

static void mark_needed(struct copy *c)
{
    for (size_t i = 0; i < c->items; i++) {
        uint32_t at = (uint32_t)i;
        if (!is_due(c, &c->item[i])) continue;
        while (map_find(&c->index, c->item[at].parent, &at) && !c->item[at].needed) c->item[at].needed = true;
    }
}

static void count(struct copy *c)
{
    struct copy_totals *t = c->totals;
    for (size_t i = 0; i < c->items; i++) {
        const struct item *item = &c->item[i];
        const bool wanted = copy_wants(c, item);
        t->of += 1;
        t->chosen += item->chosen;
        t->unfinished += item->chosen && !wanted;
        t->along += wanted && !item->chosen;
        t->left += !wanted && !item->chosen;
        t->left_finished += !wanted && !item->chosen && item->finished;
    }
}

int copy_choose(struct copy *c, struct err *e)
{
    for (size_t i = 0; i < c->items; i++) c->item[i].chosen = !c->wish->grids;
    if ((c->wish->grids && choose_grids(c, e)) || (c->wish->where && choose_where(c, e))) return -1;
    mark_needed(c);
    count(c);
    if (copy_chooses(c) && c->totals->unfinished == c->totals->chosen)
        return err_set(e, ERR_SPEC, "none of the %zu jobs that are chosen has finished, and an archive has no others",
                       c->totals->chosen);
    return 0;
}
