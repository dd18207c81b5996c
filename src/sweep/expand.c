#include "sweep/private.h"

#include <stdlib.h>
#include <string.h>

/* A slot while its body is walked. */
struct cell {
    const struct slot *slot;
    size_t at;                          /* the alternative of the point                                 */
    size_t place;                       /* of SLOT_KEY: in the point's keys                             */
    const struct sweep_value **variant; /* [slot->variants]: the values by alternative                  */
    const struct cell *part;            /* of SLOT_DOTTED: its section's cell                           */
    size_t *variant_of;                 /* of SLOT_DOTTED: the variant for each alternative of the part */
};

/* What an axis changes is applied when its digit changes; a section is put together again only if one of its axes
 * moved. */
struct walk {
    const struct sweep *sweep;
    const struct body *body;
    sweep_visit *visit;
    void *ctx;
    struct arena scratch;
    struct sweep_point point;
    struct sweep_part *part;          /* [sections]                                     */
    struct sweep_value **part_values; /* [sections]: room for each part's values        */
    struct sweep_value *key;
    struct cell *cell;    /* [slots]                                        */
    struct cell ***moved; /* [axes][axis.slots]: the cells that each moves  */
    size_t *digit;        /* [axes]                                         */
    uint64_t *stride;     /* [sections][axes]: what a digit adds to a serial */
    size_t **active;      /* [axes + 1]: rules that may still drop a point  */
    bool *stale;          /* [sections]                                     */
};

/* Texts of a range live in the sweep's arena, as those of lists do. */
static const struct sweep_value *range_values(struct walk *w, const struct values *v)
{
    struct buf text = { 0 };
    struct sweep_value *value = ARENA_NEW(&w->scratch, v->count, struct sweep_value);
    size_t *start = ARENA_NEW(&w->scratch, v->count, size_t);
    for (size_t i = 0; i < v->count; i++) {
        start[i] = text.length;
        values_text(v, i, &text);
        buf_add(&text, "", 1);
    }
    const char *kept = arena_text(w->sweep->arena, text.bytes, text.length);
    for (size_t i = 0; i < v->count; i++)
        value[i] = (struct sweep_value){ v->field, kept + start[i], v->at,
                                         v->path,  v->goal,         v->goal && i > 0 ? &value[i - 1] : NULL,
                                         NULL };
    buf_release(&text);
    return value;
}

static struct cell *part_cell(const struct walk *w, size_t section)
{
    for (size_t i = 0; i < w->body->slots; i++)
        if (w->cell[i].slot->type == SLOT_PART && w->cell[i].slot->section == section) return &w->cell[i];
    BUG("section %zu has dotted keys but is not given", section);
}

static void match_variants(struct walk *w, struct cell *c)
{
    const struct slot *s = c->slot;
    const struct sweep_section *section = &w->sweep->schema->section[s->section];
    c->part = part_cell(w, s->section);
    c->variant_of = ARENA_NEW(&w->scratch, c->part->slot->count, size_t);
    for (size_t i = 0; i < c->part->slot->count; i++) {
        const struct field *f = block_field(section, c->part->slot->block[i].kind, s->dotted_key);
        while (s->values[c->variant_of[i]].field != f) MUST(++c->variant_of[i] < s->variants);
    }
}

static int by_key(const void *a, const void *b)
{
    const struct cell *x = *(struct cell *const *)a, *y = *(struct cell *const *)b;
    return strcmp(x->slot->key, y->slot->key);
}

static void place_keys(struct walk *w)
{
    size_t keys = 0;
    struct cell **sorted = ARENA_NEW(&w->scratch, w->body->slots, struct cell *);
    for (size_t i = 0; i < w->body->slots; i++)
        if (w->cell[i].slot->type == SLOT_KEY) sorted[keys++] = &w->cell[i];
    if (keys) qsort(sorted, keys, sizeof *sorted, by_key);
    for (size_t i = 0; i < keys; i++) sorted[i]->place = i;
    w->point.keys = keys;
    w->point.key = w->key = ARENA_NEW(&w->scratch, keys, struct sweep_value);
}

static void open_cells(struct walk *w)
{
    const struct body *b = w->body;
    w->cell = ARENA_NEW(&w->scratch, b->slots, struct cell);
    for (size_t i = 0; i < b->slots; i++) {
        struct cell *c = &w->cell[i];
        const struct slot *s = c->slot = b->slot[i];
        c->variant = ARENA_NEW(&w->scratch, s->variants, const struct sweep_value *);
        for (size_t j = 0; j < s->variants; j++)
            c->variant[j] = s->values[j].value ? s->values[j].value : range_values(w, &s->values[j]);
    }
    for (size_t i = 0; i < b->slots; i++)
        if (w->cell[i].slot->type == SLOT_DOTTED) match_variants(w, &w->cell[i]);
    place_keys(w);
}

static void apply(struct walk *w, struct cell *c, size_t alternative)
{
    c->at = alternative;
    if (c->slot->type == SLOT_KEY)
        w->key[c->place] = c->variant[0][alternative];
    else
        w->stale[c->slot->section] = true;
}

/* Room for the values of each part, and how its serial counts the digits of the axes that move it. */
static void open_parts(struct walk *w)
{
    const struct body *b = w->body;
    size_t sections = w->sweep->schema->sections;
    size_t *room = ARENA_NEW(&w->scratch, sections, size_t);
    w->point.part = w->part = ARENA_NEW(&w->scratch, sections, struct sweep_part);
    w->part_values = ARENA_NEW(&w->scratch, sections, struct sweep_value *);
    w->stale = ARENA_NEW(&w->scratch, sections, bool);
    for (size_t i = 0; i < b->slots; i++) {
        const struct slot *s = b->slot[i];
        size_t most = s->type == SLOT_DOTTED ? 1 : 0;
        for (size_t j = 0; s->type == SLOT_PART && j < s->count; j++)
            if (s->block[j].count > most) most = s->block[j].count;
        if (s->type != SLOT_KEY) room[s->section] += most;
    }
    for (size_t i = 0; i < sections; i++) w->part_values[i] = ARENA_NEW(&w->scratch, room[i], struct sweep_value);
}

static void open_axes(struct walk *w)
{
    const struct body *b = w->body;
    size_t sections = w->sweep->schema->sections;
    w->digit = ARENA_NEW(&w->scratch, b->axes, size_t);
    w->moved = ARENA_NEW(&w->scratch, b->axes, struct cell **);
    w->stride = ARENA_NEW(&w->scratch, sections * b->axes, uint64_t);
    w->active = ARENA_NEW(&w->scratch, b->axes + 1, size_t *);
    uint64_t *next = ARENA_NEW(&w->scratch, sections, uint64_t);
    for (size_t i = 0; i < b->axes; i++) {
        const struct axis *axis = &b->axis[i];
        w->moved[i] = ARENA_NEW(&w->scratch, axis->slots, struct cell *);
        for (size_t j = 0; j < axis->slots; j++) {
            const struct slot *s = axis->slot[j];
            for (size_t k = 0; k < b->slots; k++)
                if (b->slot[k] == s) w->moved[i][j] = &w->cell[k];
            if (s->type == SLOT_KEY || w->stride[s->section * b->axes + i]) continue;
            uint64_t stride = next[s->section] ? next[s->section] : 1;
            w->stride[s->section * b->axes + i] = stride;
            next[s->section] = sweep_mul_capped(stride, axis->count);
        }
    }
    for (size_t i = 0; i <= b->axes; i++) w->active[i] = ARENA_NEW(&w->scratch, b->rules, size_t);
}

/* A dotted key's value joins its part in order, or replaces what the block says. */
static void overlay(struct sweep_part *part, struct sweep_value *value, const struct sweep_value *v)
{
    size_t i = 0;
    int order = 1;
    while (i < part->count && (order = strcmp(value[i].field->key, v->field->key)) < 0) i++;
    if (i == part->count || order != 0) {
        memmove(&value[i + 1], &value[i], (part->count - i) * sizeof *value);
        part->count++;
    }
    value[i] = *v;
}

static void make_part(struct walk *w, const struct cell *c)
{
    size_t section = c->slot->section;
    const struct block *block = &c->slot->block[c->at];
    struct sweep_part *part = &w->part[section];
    struct sweep_value *value = w->part_values[section];
    *part = (struct sweep_part){ block->name, block->kind, value, block->count, block->at, w->body->serial[section] };
    if (block->count) memcpy(value, block->value, block->count * sizeof *value);
    for (size_t i = 0; i < w->body->slots; i++) {
        const struct cell *d = &w->cell[i];
        if (d->part == c) overlay(part, value, &d->variant[d->variant_of[c->at]][d->at]);
    }
    for (size_t i = 0; i < w->body->axes; i++) part->serial += w->digit[i] * w->stride[section * w->body->axes + i];
}

static int visit_point(struct walk *w)
{
    for (size_t i = 0; i < w->body->slots; i++) {
        const struct cell *c = &w->cell[i];
        if (c->slot->type != SLOT_PART || !w->stale[c->slot->section]) continue;
        make_part(w, c);
        w->stale[c->slot->section] = false;
    }
    return w->visit(w->ctx, &w->point);
}

static int walk_axes(struct walk *w, size_t level, size_t rules)
{
    if (level == w->body->axes) return visit_point(w);
    const struct axis *axis = &w->body->axis[level];
    int rc = 0;
    for (size_t d = 0; d < axis->count && rc == 0; d++) {
        size_t left = rules ? rules_filter(w->body, level, d, w->active[level], rules, w->active[level + 1]) : 0;
        if (left == SIZE_MAX) continue;
        w->digit[level] = d;
        for (size_t j = 0; j < axis->slots; j++) apply(w, w->moved[level][j], d);
        rc = walk_axes(w, level + 1, left);
    }
    return rc;
}

static int walk_body(const struct sweep *s, size_t grid, const struct body *b, sweep_visit *visit, void *ctx)
{
    struct walk w = { .sweep = s, .body = b, .visit = visit, .ctx = ctx };
    w.point.grid = grid;
    open_cells(&w);
    open_parts(&w);
    open_axes(&w);
    for (size_t i = 0; i < b->slots; i++) apply(&w, &w.cell[i], 0);
    for (size_t i = 0; i < b->rules; i++) w.active[0][i] = i;
    int rc = walk_axes(&w, 0, b->rules);
    arena_release(&w.scratch);
    return rc;
}

int sweep_expand(const struct sweep *s, size_t grid, sweep_visit *visit, void *ctx)
{
    size_t place = grid;
    const struct grid *g = &source_of_grid(s, &place)->grid[place];
    int rc = 0;
    for (size_t i = 0; i < g->bodies && rc == 0; i++) rc = walk_body(s, grid, &g->body[i], visit, ctx);
    return rc;
}
