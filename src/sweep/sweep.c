#include "sweep/sweep.h"
#include "base/text.h"
#include "sweep/private.h"

#include <errno.h>
#include <string.h>

struct sweep *sweep_examine(const char *file, const struct sweep_schema *schema, struct arena *a,
                            struct err_list *errors)
{
    const struct sink to = { file, errors, errors->count };
    struct spent spent = { 0 };
    struct err e = { 0 };
    struct sweep *s = ARENA_SMALL(a, 1, struct sweep);
    s->schema = schema;
    s->arena = a;
    struct source *first = source_open(s, file, &spent, &e);
    if (first)
        source_read(s, first, &spent, &to);
    else
        err_list_add(errors, &e);
    report_sort(&to);
    return first ? s : NULL;
}

struct sweep *sweep_load(const char *file, const struct sweep_schema *schema, struct arena *a,
                         struct err_list *errors)
{
    const size_t seen = errors->seen;
    struct sweep *s = sweep_examine(file, schema, a, errors);
    return errors->seen == seen ? s : NULL;
}

const char *sweep_name(const struct sweep *s)
{
    return s->source[0]->is.name;
}

size_t sweep_files(const struct sweep *s)
{
    return s->sources;
}

const struct sweep_file *sweep_file(const struct sweep *s, size_t file)
{
    MUST(file < s->sources);
    return &s->source[file]->is;
}

size_t sweep_grids(const struct sweep *s)
{
    return s->grids;
}

const struct source *source_of_grid(const struct sweep *s, size_t *grid)
{
    MUST(*grid < s->grids);
    size_t i = 0;
    while (*grid >= s->source[i]->grids) *grid -= s->source[i++]->grids;
    return s->source[i];
}

const struct sweep_file *sweep_grid_file(const struct sweep *s, size_t grid)
{
    return &source_of_grid(s, &grid)->is;
}

static const struct grid *find_grid(const struct sweep *s, size_t grid)
{
    const struct source *f = source_of_grid(s, &grid);
    return &f->grid[grid];
}

const char *sweep_grid_name(const struct sweep *s, size_t grid)
{
    return find_grid(s, grid)->name;
}

struct mark sweep_grid_mark(const struct sweep *s, size_t grid)
{
    return find_grid(s, grid)->at;
}

static bool library_is_sound(const struct library *lib)
{
    bool sound = !lib->bad;
    for (size_t i = 0; i < lib->count; i++) sound = sound && !lib->item[i].block.bad;
    return sound;
}

bool sweep_grid_sound(const struct sweep *s, size_t grid)
{
    const struct source *f = source_of_grid(s, &grid);
    const struct grid *g = &f->grid[grid];
    bool sound = g->points > 0;
    for (size_t i = 0; i < g->bodies; i++) sound = sound && !g->body[i].bad && !g->body[i].unruly;
    for (size_t i = 0; i < f->libraries; i++)
        for (size_t j = 0; j < s->schema->extras; j++)
            if (!strcmp(f->library[i].name, s->schema->extra[j].library))
                sound = sound && library_is_sound(&f->library[i]);
    return sound;
}

uint64_t sweep_grid_points(const struct sweep *s, size_t grid)
{
    return find_grid(s, grid)->points;
}

/* ---- what varies ---- */

static const struct axis *find_axis(const struct sweep *s, size_t grid, size_t axis)
{
    return &find_grid(s, grid)->body[0].axis[axis];
}

size_t sweep_axes(const struct sweep *s, size_t grid)
{
    return find_grid(s, grid)->body[0].axes;
}

struct sweep_axis sweep_axis(const struct sweep *s, size_t grid, size_t axis)
{
    const struct axis *a = find_axis(s, grid, axis);
    return (struct sweep_axis){ a->slots, a->count };
}

const char *sweep_axis_key(const struct sweep *s, size_t grid, size_t axis, size_t i)
{
    return find_axis(s, grid, axis)->slot[i]->key;
}

void sweep_axis_value(const struct sweep *s, size_t grid, size_t axis, size_t i, size_t v, struct buf *out)
{
    const struct slot *slot = find_axis(s, grid, axis)->slot[i];
    const size_t before = out->length;
    slot_text(slot, v, out);
    if (out->length == before && slot->type == SLOT_PART && slot->block[v].kind)
        buf_text(out, slot->block[v].kind->name);
}

size_t sweep_grid_includes(const struct sweep *s, size_t grid)
{
    return find_grid(s, grid)->bodies - 1;
}

/* ---- blocks by name ---- */

static const struct library *library_named(const struct sweep *s, size_t grid, const char *name)
{
    const struct source *f = source_of_grid(s, &grid);
    for (size_t i = 0; i < f->libraries; i++)
        if (!strcmp(f->library[i].name, name)) return &f->library[i];
    BUG("there is no library '%s'", name);
}

bool sweep_block(const struct sweep *s, size_t grid, const char *library, const char *name, struct sweep_part *out)
{
    const struct library *lib = library_named(s, grid, library);
    for (size_t i = 0; i < lib->count; i++) {
        const struct block *b = &lib->item[i].block;
        if (strcmp(b->name, name) != 0) continue;
        *out = (struct sweep_part){
            .name = b->name, .kind = b->kind, .value = b->value, .count = b->count, .at = b->at
        };
        return true;
    }
    return false;
}

const char *sweep_part_name(const struct sweep_part *part)
{
    return part->name && part->name[0] ? part->name : part->kind->name;
}
