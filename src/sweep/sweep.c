#include "sweep/sweep.h"
#include "sweep/private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 20 };

/* The whole file, at most FILE_LIMIT of it: what is longer was not written as a sweep. */
static bool read_text(const struct sink *to, struct buf *out)
{
    FILE *f = fopen(to->file, "rb");
    char chunk[1 << 14];
    size_t got = 0;
    while (f && out->length <= FILE_LIMIT && (got = fread(chunk, 1, sizeof chunk, f)) > 0) buf_add(out, chunk, got);
    bool ok = f && !ferror(f);
    int why = errno;
    if (f) fclose(f);
    struct err e = { 0 };
    if (!ok)
        err_at(&e, ERR_IO, to->file, NOWHERE, NULL, "cannot be read: %s", strerror(why));
    else if (out->length > FILE_LIMIT)
        err_at(&e, ERR_SPEC, to->file, NOWHERE, NULL, "longer than %d KiB; a list of many values is better a range",
               FILE_LIMIT >> 10);
    if (e.kind == ERR_NONE) return true;
    err_list_add(to->errors, &e);
    return false;
}

/* "folder/paper.yaml" -> "paper". */
static const char *name_of_file(struct arena *a, const char *file)
{
    const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file, *dot = strrchr(base, '.');
    size_t length = strlen(base);
    if (dot && dot != base && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"))) length = (size_t)(dot - base);
    return arena_text(a, base, length);
}

/* The sweep's name becomes a file's. */
static void read_name(struct loader *l, struct sweep *s, const struct node *root)
{
    const struct node_entry *e = node_find(root, "name");
    s->name = name_of_file(l->arena, s->file);
    if (!e) return;
    const struct node *n = e->value;
    if (n->type != NODE_SCALAR)
        report(&l->to, n->at, NULL, "'name' must be a text, not %s", node_type_name(n));
    else if (name_check(l, n->text, n->at, NULL, "'name'")) {
        if (strchr(n->text, '/') || n->text[0] == '.')
            report(&l->to, n->at, NULL, "'name' becomes a file's name: no '/' and no '.' in front");
        s->name = n->text;
    }
}

static bool is_top_key(const struct sweep_schema *schema, const char *key)
{
    if (!strcmp(key, "name") || !strcmp(key, "grids") || !strncmp(key, "x-", 2)) return true;
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
    struct names known = { .item = { "name" }, .count = 1 };
    for (size_t i = 0; i < l->libraries; i++) names_add(&known, l->library[i].name);
    for (size_t i = 0; i < l->schema->sections; i++)
        if (l->schema->section[i].shared) names_add(&known, l->schema->section[i].name);
    names_add(&known, "grids");
    names_add(&known, "x-...");
    for (size_t i = 0; i < root->count; i++) {
        const struct node_entry *e = &root->entry[i];
        if (!is_top_key(l->schema, e->key))
            report_names(&l->to, e->key_at, NULL, e->key, "allowed", &known, "unknown key '%.80s'", e->key);
    }
}

static void read_shared(struct loader *l, const struct node *root)
{
    l->shared = ARENA_NEW(l->arena, l->schema->sections, struct block);
    for (size_t i = 0; i < l->schema->sections; i++) {
        const struct sweep_section *s = &l->schema->section[i];
        const struct node_entry *e = s->shared ? node_find(root, s->name) : NULL;
        if (e) block_read(l, s, e->value, s->name, NULL, &l->shared[i]);
    }
}

static void read_root(struct loader *l, struct sweep *s, const struct node *root)
{
    if (root->type != NODE_MAP) {
        report(&l->to, root->at, NULL, "a sweep must be a map with 'grids', not %s", node_type_name(root));
        return;
    }
    read_name(l, s, root);
    libraries_read(l, root);
    s->library = l->library;
    s->libraries = l->libraries;
    check_keys(l, root);
    read_shared(l, root);
    const struct node_entry *grids = node_find(root, "grids");
    if (grids)
        grids_read(l, s, grids->value);
    else
        report(&l->to, root->at, NULL, "'grids' is missing");
}

struct sweep *sweep_load(const char *file, const struct sweep_schema *schema, struct arena *a,
                         struct err_list *errors)
{
    struct buf text = { 0 };
    struct loader l = { .to = { file, errors, errors->count }, .arena = a, .schema = schema };
    size_t seen = errors->seen;
    struct sweep *s = ARENA_NEW(a, 1, struct sweep);
    if (read_text(&l.to, &text)) {
        s->schema = schema;
        s->arena = a;
        s->file = arena_text(a, file, strlen(file));
        s->text = arena_text(a, buf_chars(&text), text.length);
        const struct node *root = tree_load(file, s->text, text.length, a, errors);
        if (root) read_root(&l, s, root);
        report_sort(&l.to);
    }
    buf_release(&text);
    return errors->seen == seen ? s : NULL;
}

const char *sweep_name(const struct sweep *s)
{
    return s->name;
}

const char *sweep_text(const struct sweep *s)
{
    return s->text;
}

const char *sweep_file(const struct sweep *s)
{
    return s->file;
}

size_t sweep_grids(const struct sweep *s)
{
    return s->grids;
}

const char *sweep_grid_name(const struct sweep *s, size_t grid)
{
    MUST(grid < s->grids);
    return s->grid[grid].name;
}

struct mark sweep_grid_mark(const struct sweep *s, size_t grid)
{
    MUST(grid < s->grids);
    return s->grid[grid].at;
}

uint64_t sweep_grid_points(const struct sweep *s, size_t grid)
{
    MUST(grid < s->grids);
    return s->grid[grid].points;
}
