#include "sweep/sweep.h"
#include "base/text.h"
#include "sweep/private.h"

#include <errno.h>
#include <string.h>

const struct field sweep_file_keys[] = {
    { "name", FIELD_TEXT, .standard = "", .unit = "",
      .help = "of the sweep, and of its store unless --store says otherwise; none: the file's name" },
    { "include", FIELD_TEXT, .standard = "", .unit = "",
      .help = "[a.yaml, ...]: the grids of other sweep files join this one's; paths start at this file's folder, and "
              "what a file says besides its grids holds for these only" },
    { "grids", FIELD_TEXT, .standard = "", .unit = "", .help = "a list of grids" },
    FIELD_END,
};

/* "folder/paper.yaml" -> "paper". */
static const char *name_of_file(struct arena *a, const char *file)
{
    const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file, *dot = strrchr(base, '.');
    size_t length = strlen(base);
    if (dot && dot != base && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"))) length = (size_t)(dot - base);
    return arena_text(a, base, length);
}

/* The sweep's name becomes a file's. */
static void read_name(struct loader *l, const struct node *root)
{
    const struct node_entry *e = node_find(root, "name");
    if (!e && strlen(l->source->is.name) > NAME_BYTES)
        report(&l->to, root->at, NULL, "the file's name gives the sweep one of more than %d characters; give 'name'",
               NAME_BYTES);
    if (!e) return;
    const struct node *n = e->value;
    if (n->type != NODE_SCALAR)
        report(&l->to, n->at, NULL, "'name' must be a text, not %s", node_type_name(n));
    else if (name_check(l, n->text, n->at, NULL, "'name'")) {
        if (strchr(n->text, '/') || n->text[0] == '.')
            report(&l->to, n->at, NULL, "'name' becomes a file's name: no '/' and no '.' in front");
        l->source->is.name = n->text;
    }
}

static bool is_top_key(const struct sweep_schema *schema, const char *key)
{
    if (field_find(sweep_file_keys, key) || !strncmp(key, "x-", 2)) return true;
    for (size_t i = 0; i < schema->sections; i++) {
        const struct sweep_section *s = &schema->section[i];
        if ((s->library && !strcmp(s->library, key)) || (s->shared && !strcmp(s->name, key))) return true;
    }
    for (size_t i = 0; i < schema->extras; i++)
        if (!strcmp(schema->extra[i].library, key)) return true;
    return false;
}

static void check_keys(struct loader *l, const struct node *root)
{
    struct names known = { .count = 0 };
    for (const struct field *f = sweep_file_keys; f->key; f++) names_add(&known, f->key);
    for (size_t i = 0; i < l->libraries; i++) names_add(&known, l->library[i].name);
    for (size_t i = 0; i < l->schema->sections; i++)
        if (l->schema->section[i].shared) names_add(&known, l->schema->section[i].name);
    names_add(&known, "x-...");
    for (size_t i = 0; i < root->count; i++) {
        const struct node_entry *e = &root->entry[i];
        if (!is_top_key(l->schema, e->key))
            report_names(&l->to, e->key_at, NULL, e->key, "allowed", &known, "unknown key '%s'",
                         text_shown(e->key, 80));
    }
}

static void read_shared(struct loader *l, const struct node *root)
{
    l->shared = ARENA_SMALL(l->arena, l->schema->sections, struct block);
    for (size_t i = 0; i < l->schema->sections; i++) {
        const struct sweep_section *s = &l->schema->section[i];
        const struct node_entry *e = s->shared ? node_find(root, s->name) : NULL;
        if (e) block_read(l, s, e->value, s->name, NULL, &l->shared[i]);
    }
}

static void read_root(struct loader *l, const struct node *root)
{
    if (root->type != NODE_MAP) {
        report(&l->to, root->at, NULL, "a sweep must be a map with 'grids', not %s", node_type_name(root));
        return;
    }
    read_name(l, root);
    libraries_read(l, root);
    l->source->library = l->library;
    l->source->libraries = l->libraries;
    check_keys(l, root);
    read_shared(l, root);
    const struct node_entry *grids = node_find(root, "grids"), *include = node_find(root, "include");
    if (grids) grids_read(l, grids->value);
    if (include) includes_read(l, include->value);
    if (!grids && !include) report(&l->to, root->at, NULL, "'grids' is missing");
}

struct source *source_open(struct sweep *s, const char *path, struct spent *spent, struct err *e)
{
    const size_t limit = TEXT_LIMIT - spent->bytes;
    struct buf text = { 0 };
    struct source *f = NULL;
    struct file_id id;
    bool plain;
    if (!file_identify(path, &id, &plain) || !file_read(path, limit, &text)) {
        err_at(e, ERR_IO, path, NOWHERE, NULL, "cannot be read: %s", strerror(errno));
    } else if (text.length > limit) {
        err_at(e, ERR_SPEC, path, NOWHERE, NULL, "longer than %d KiB%s", TEXT_LIMIT >> 10,
               spent->bytes ? ", with the files before" : "; a list of many values is better a range");
    } else {
        f = ARENA_SMALL(s->arena, 1, struct source);
        f->is.path = arena_text(s->arena, path, strlen(path));
        f->is.text = arena_text(s->arena, buf_chars(&text), text.length);
        f->is.name = name_of_file(s->arena, path);
        f->id = id;
        f->length = text.length;
        spent->bytes += text.length;
        s->source[s->sources++] = f;
    }
    buf_release(&text);
    return f;
}

void source_read(struct sweep *s, struct source *f, struct spent *spent, const struct sink *to)
{
    struct loader l = { .to = *to, .arena = s->arena, .schema = s->schema, .sweep = s, .source = f, .spent = spent };
    l.to.file = f->is.path;
    const struct node *root = tree_load(f->is.path, f->is.text, f->length, s->arena, &spent->nodes, to->errors);
    if (root) read_root(&l, root);
}

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
