#include "base/text.h"
#include "sweep/private.h"

#include <stdio.h>
#include <string.h>

static const char *const reserved[] = { "name", "zip", "include", "exclude", NULL };

static bool is_reserved(const char *key)
{
    for (size_t i = 0; reserved[i]; i++)
        if (!strcmp(reserved[i], key)) return true;
    return false;
}

static void unknown_key(struct loader *l, const struct node_entry *e, const char *path, bool include)
{
    const struct sweep_schema *schema = l->schema;
    struct names known = { .count = 0 };
    const char *dot = strchr(e->key, '.');
    char word[64];
    const bool brief = text_copy(word, sizeof word, e->key, dot ? (size_t)(dot - e->key) : sizeof word);
    for (size_t i = 0; reserved[i] && !include && !dot; i++) names_add(&known, reserved[i]);
    for (size_t i = 0; i < schema->sections; i++) names_add(&known, schema->section[i].name);
    for (const struct field *f = schema->keys; f && f->key && !dot; f++) names_add(&known, f->key);
    report_names(&l->to, e->key_at, path, brief ? word : "", dot ? "sections" : "allowed", &known, "unknown key '%s'",
                 text_shown(e->key, 80));
}

static void put_slot(struct body *b, struct slot *s)
{
    s->owner = b;
    for (size_t i = 0; i < b->slots; i++)
        if (!strcmp(b->slot[i]->key, s->key)) {
            b->slot[i] = s;
            return;
        }
    b->slot[b->slots++] = s;
}

static const struct slot *find_dotted(const struct body *b, size_t section)
{
    for (size_t i = 0; i < b->slots; i++)
        if (b->slot[i]->type == SLOT_DOTTED && b->slot[i]->section == section) return b->slot[i];
    return NULL;
}

/* The block of a section that the grid gives by dotted keys alone, as in `init.file: [a.npz, b.npz]`, or not at all.
 * NULL: there is none, as a library or a kind is needed. */
static struct block *implied_block(struct loader *l, const struct body *b, size_t section)
{
    const struct sweep_section *of = &l->schema->section[section];
    const struct slot *dotted = find_dotted(b, section);
    if (l->shared[section].name || (of->shared && dotted)) return &l->shared[section];
    if (!dotted || of->library || of->kind_key) return NULL;
    struct block *block = ARENA_SMALL(l->arena, 1, struct block);
    *block = (struct block){ .name = "", .at = dotted->entry->key_at };
    return block;
}

/* Sections that only the top level gives, or that only dotted keys speak of. */
static void add_implied(struct loader *l, struct body *b)
{
    for (size_t i = 0; i < l->schema->sections; i++) {
        struct block *block = body_part(b, i) ? NULL : implied_block(l, b, i);
        if (!block) continue;
        struct slot *s = ARENA_SMALL(l->arena, 1, struct slot);
        *s = (struct slot){ .type = SLOT_PART, .section = i, .count = 1, .block = block };
        s->key = s->path = l->schema->section[i].name;
        s->bad = block->bad;
        put_slot(b, s);
    }
}

/* An inherited dotted key means something new if the include replaces its section. */
static void renew_dotted(struct loader *l, struct body *b)
{
    for (size_t i = 0; i < b->slots; i++) {
        const struct slot *old = b->slot[i], *part = body_part(b, old->section);
        if (old->type != SLOT_DOTTED || old->owner == b || !part || part->owner != b) continue;
        struct slot *s = ARENA_SMALL(l->arena, 1, struct slot);
        *s = *old;
        s->variants = 0;
        put_slot(b, s);
    }
}

static void read_slots(struct loader *l, struct body *b, const struct body *parent)
{
    for (int dotted = 0; dotted < 2; dotted++)
        for (size_t i = 0; i < b->slots; i++) {
            struct slot *s = b->slot[i];
            if ((s->type == SLOT_DOTTED) != dotted || s->owner != b) continue;
            if (s->entry) slot_read(l, s, b, parent);
            b->bad |= s->bad;
        }
}

static void open_slots(struct loader *l, struct body *b, const struct body *parent, const struct node *map,
                       const char *path)
{
    size_t inherited = parent ? parent->slots : 0;
    b->slot = ARENA_SMALL(l->arena, inherited + map->count + l->schema->sections, struct slot *);
    for (size_t i = 0; i < inherited; i++) b->slot[b->slots++] = parent->slot[i];
    for (size_t i = 0; i < map->count; i++) {
        const struct node_entry *e = &map->entry[i];
        if (!parent && is_reserved(e->key)) continue;
        struct slot *s = slot_open(l, e, path);
        if (s)
            put_slot(b, s);
        else
            unknown_key(l, e, path, parent != NULL);
        b->bad |= !s;
    }
    add_implied(l, b);
    if (parent) renew_dotted(l, b);
}

static void check_fields(struct loader *l, struct body *b, const struct slot *part, const struct block *block,
                         const struct field *fields)
{
    for (const struct field *f = fields; f && f->key; f++) {
        if (f->standard || block_find(block, f->key)) continue;
        bool dotted = false;
        for (size_t i = 0; i < b->slots && !dotted; i++) {
            const struct slot *s = b->slot[i];
            dotted = s->type == SLOT_DOTTED && s->section == part->section && field_is_called(f, s->dotted_key);
        }
        if (dotted) continue;
        report(&l->to, block->at, part->path, "'%s' is missing (%s)", f->key, f->help);
        b->bad = true;
    }
}

static void check_parts(struct loader *l, struct body *b)
{
    for (size_t i = 0; i < b->slots; i++) {
        const struct slot *s = b->slot[i];
        if (s->type != SLOT_PART || s->owner != b) continue;
        const struct sweep_section *section = &l->schema->section[s->section];
        for (size_t j = 0; j < s->count; j++) {
            const struct block *block = &s->block[j];
            if (section->kind_key && !block->kind) continue; /* reported */
            check_fields(l, b, s, block, section->fields);
            if (block->kind) check_fields(l, b, s, block, block->kind->fields);
        }
    }
}

static void check_given(struct loader *l, struct body *b, struct mark at, const char *path)
{
    for (size_t i = 0; i < l->schema->sections; i++)
        if (l->schema->section[i].required && !body_part(b, i)) {
            report(&l->to, at, path, "'%s' is missing", l->schema->section[i].name);
            b->bad = true;
        }
}

/* {NESTED: {task: x}} is NESTED_task: x; what is given both ways is an error. */
static const struct node *flattened(struct loader *l, const struct node *map, const char *path)
{
    const char *nested = l->schema->nested;
    const struct node_entry *of = nested ? node_find(map, nested) : NULL;
    if (!of || of->value->type != NODE_MAP) return map;
    struct node *flat = ARENA_SMALL(l->arena, 1, struct node);
    struct node_entry *entry = ARENA_SMALL(l->arena, map->count + of->value->count, struct node_entry);
    size_t count = 0;
    for (size_t i = 0; i < map->count; i++)
        if (&map->entry[i] != of) entry[count++] = map->entry[i];
    for (size_t i = 0; i < of->value->count; i++) {
        struct node_entry *e = &entry[count++];
        struct buf key = { 0 };
        *e = of->value->entry[i];
        buf_print(&key, "%s_%s", nested, e->key);
        if (node_find(map, buf_chars(&key)))
            report(&l->to, e->key_at, path, "'%s' is given twice, here as a key of '%s'", buf_chars(&key), nested);
        e->key = arena_text(l->arena, key.bytes, key.length);
        buf_release(&key);
    }
    *flat = (struct node){ .type = NODE_MAP, .at = map->at, .count = count, .entry = entry };
    return flat;
}

static void read_body(struct loader *l, struct body *b, const struct body *parent, const struct node *given,
                      const char *path)
{
    const struct node *map = flattened(l, given, path);
    open_slots(l, b, parent, map, path);
    read_slots(l, b, parent);
    check_parts(l, b);
    if (!parent) check_given(l, b, map->at, path);
    const struct node_entry *zip = parent ? NULL : node_find(map, "zip");
    if (zip) axes_read_zip(l, b, zip->value, value_path_key(l->arena, path, "zip"));
    axes_build(l, b);
    b->points = axes_product(b, 0);
}

/* In how many ways the axes of the body move a section. */
static uint64_t part_ways(const struct body *b, size_t section)
{
    uint64_t ways = 1;
    for (size_t i = 0; i < b->axes; i++) {
        bool moves = false;
        for (size_t j = 0; j < b->axis[i].slots; j++)
            moves |= b->axis[i].slot[j]->type != SLOT_KEY && b->axis[i].slot[j]->section == section;
        if (moves) ways = sweep_mul_capped(ways, b->axis[i].count);
    }
    return ways;
}

static bool touched(const struct body *b, size_t section)
{
    for (size_t i = 0; i < b->slots; i++)
        if (b->slot[i]->type != SLOT_KEY && b->slot[i]->section == section && b->slot[i]->owner == b) return true;
    return false;
}

/* A section that an include leaves as it is, one value in all points, keeps its serial; any other gets new ones. */
static void number_parts(struct loader *l, struct grid *g)
{
    for (size_t i = 0; i < g->bodies; i++) g->body[i].serial = ARENA_SMALL(l->arena, l->schema->sections, uint64_t);
    for (size_t s = 0; s < l->schema->sections; s++) {
        uint64_t next = 0;
        for (size_t i = 0; i < g->bodies; i++) {
            const struct body *b = &g->body[i];
            uint64_t ways = part_ways(b, s);
            bool same = i > 0 && ways == 1 && part_ways(&g->body[0], s) == 1 && !touched(b, s);
            if (same) continue;
            b->serial[s] = next;
            next = sweep_add_capped(next, ways);
        }
    }
}

/* *path: in, of the grid; out, of the list. */
static const struct node *list_of_maps(struct loader *l, const struct node *grid, const char *key, const char **path)
{
    const struct node_entry *e = node_find(grid, key);
    if (!e) return NULL;
    const struct node *n = e->value;
    *path = value_path_key(l->arena, *path, key);
    if (n->type != NODE_LIST)
        report(&l->to, n->at, *path, "must be a list of maps, not %s", node_is_null(n) ? "empty" : node_type_name(n));
    else if (n->count == 0)
        report(&l->to, n->at, *path, "an empty list; leave '%s' out", key);
    else if (n->count > ENTRY_LIMIT)
        report(&l->to, n->at, *path, "%zu entries; at most %d are allowed", n->count, ENTRY_LIMIT);
    else
        return n;
    return NULL;
}

static void read_includes(struct loader *l, struct grid *g, const struct node *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct node *n = list->entry[i].value;
        const char *item = value_path_index(l->arena, path, i);
        if (n->type != NODE_MAP || n->count == 0)
            report(&l->to, n->at, item, "must be a map of the keys it replaces");
        else if (!g->body[0].bad)
            read_body(l, &g->body[g->bodies++], &g->body[0], n, item);
    }
}

static void read_grid(struct loader *l, struct grid *g, const struct node *map, const char *path)
{
    const char *include_path = path, *exclude_path = path;
    const struct node *includes = list_of_maps(l, map, "include", &include_path);
    const struct node *excludes = list_of_maps(l, map, "exclude", &exclude_path);
    g->body = ARENA_SMALL(l->arena, 1 + (includes ? includes->count : 0), struct body);
    g->bodies = 1;
    read_body(l, &g->body[0], NULL, map, path);
    if (excludes) rules_read(l, &g->body[0], excludes, exclude_path);
    if (includes) read_includes(l, g, includes, include_path);
    number_parts(l, g);
    for (size_t i = 0; i < g->bodies; i++) g->points = sweep_add_capped(g->points, g->body[i].points);
    if (g->points == 0 && !g->body[0].bad) report(&l->to, map->at, path, "the excludes leave no point");
}

/* Jobs are found by the name of their grid, so no two grids of a sweep have one name. */
static void check_unique(struct loader *l, const struct grid *g, struct mark at, const char *path)
{
    const struct source *own = l->source;
    for (size_t i = 0; i < l->sweep->sources; i++) {
        const struct source *f = l->sweep->source[i];
        for (size_t j = 0; j < f->grids; j++) {
            if (strcmp(f->grid[j].name, g->name) != 0) continue;
            const int line = f->grid[j].at.line;
            if (f == own)
                report(&l->to, at, path, "'%s' is already the name of the grid at line %d", g->name, line);
            else
                report(&(struct sink){ own->by->is.path, l->to.errors, l->to.first }, own->at, own->path,
                       "the grid '%s' of '%s' (line %d) is also one of '%s' (line %d)", g->name,
                       text_shown(own->is.path, 80), at.line, text_shown(f->is.path, 80), line);
            return;
        }
    }
}

static void read_name(struct loader *l, struct grid *g, const struct node *map, const char *path)
{
    const struct node_entry *e = node_find(map, "name");
    struct mark at = e ? e->value->at : map->at;
    g->at = map->at;
    if (e && e->value->type != NODE_SCALAR)
        report(&l->to, at, path, "'name' must be a text, not %s", node_type_name(e->value));
    else if (e && name_check(l, e->value->text, at, path, "'name'"))
        g->name = e->value->text;
    if (!g->name) {
        char standard[32];
        MUST(text_print(standard, sizeof standard, "grid%zu", l->source->grids + 1));
        g->name = arena_text(l->arena, standard, strlen(standard));
    }
    check_unique(l, g, at, path);
}

void grids_read(struct loader *l, const struct node *list)
{
    struct source *f = l->source;
    if (list->type != NODE_LIST || list->count == 0 || list->count > ENTRY_LIMIT) {
        report(&l->to, list->at, "grids", "must be a list of 1 to %d grids", ENTRY_LIMIT);
        return;
    }
    if (l->sweep->grids + list->count > ENTRY_LIMIT) {
        report(&l->to, list->at, "grids", "more than %d grids, with those of the files before", ENTRY_LIMIT);
        return;
    }
    f->grid = ARENA_SMALL(l->arena, list->count, struct grid);
    for (size_t i = 0; i < list->count; i++) {
        const struct node *map = list->entry[i].value;
        const char *path = value_path_index(l->arena, "grids", i);
        if (map->type != NODE_MAP) {
            report(&l->to, map->at, path, "a grid must be a map of keys");
            continue;
        }
        read_name(l, &f->grid[f->grids], map, path);
        read_grid(l, &f->grid[f->grids], map, path);
        f->grids++;
    }
    l->sweep->grids += f->grids;
}
