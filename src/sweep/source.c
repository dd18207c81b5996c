#include "base/text.h"
#include "sweep/private.h"
#include "sweep/sweep.h"

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

/* ---- files ---- */

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

/* ---- files that a file includes ---- */

/* Paths start at the folder of the file that includes. */
static const char *path_beside(struct arena *a, const char *file, const char *text)
{
    const char *slash = strrchr(file, '/');
    const size_t folder = slash && text[0] != '/' ? (size_t)(slash - file) + 1 : 0, length = strlen(text);
    char *path = ARENA_SMALL(a, folder + length + 1, char);
    memcpy(path, file, folder);
    memcpy(path + folder, text, length);
    return path;
}

/* A file is read once: what it says twice would be two grids of one name. */
static bool is_new(struct loader *l, const struct node *n, const char *path, const struct file_id *id)
{
    const struct sweep *s = l->sweep;
    const struct source *have = NULL;
    for (size_t i = 0; i < s->sources && !have; i++)
        if (s->source[i]->id.device == id->device && s->source[i]->id.number == id->number) have = s->source[i];
    if (!have) return true;
    for (const struct source *f = l->source; f; f = f->by)
        if (f == have) {
            report(&l->to, n->at, path,
                   f == l->source ? "'%s' is this file itself" : "'%s' includes this file already",
                   text_shown(n->text, 80));
            return false;
        }
    report(&l->to, n->at, path, "'%s' is included already, by '%s' (line %d)", text_shown(n->text, 80),
           text_shown(have->by->is.path, 80), have->at.line);
    return false;
}

static void read_one(struct loader *l, const struct node *n, const char *path)
{
    if (n->type != NODE_SCALAR || node_is_null(n)) {
        report(&l->to, n->at, path, "must be the path of a sweep file");
        return;
    }
    const char *file = path_beside(l->arena, l->source->is.path, n->text);
    struct file_id id;
    struct err e = { 0 };
    bool plain = true;
    if (!file_identify(file, &id, &plain)) {
        report(&l->to, n->at, path, "'%s': cannot be read: %s", text_shown(n->text, 80), strerror(errno));
    } else if (!plain) {
        report(&l->to, n->at, path, "'%s' is not a regular file", text_shown(n->text, 80));
    } else if (is_new(l, n, path, &id)) {
        struct source *f = source_open(l->sweep, file, l->spent, &e);
        if (!f) {
            report(&l->to, n->at, path, "'%s': %s", text_shown(n->text, 80), e.text);
            return;
        }
        f->by = l->source;
        f->at = n->at;
        f->path = path;
        source_read(l->sweep, f, l->spent, &l->to);
    }
}

static void read_includes(struct loader *l, const struct node *list)
{
    if (list->type != NODE_LIST || list->count == 0) {
        report(&l->to, list->at, "include", "must be a list of sweep files");
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct node *n = list->entry[i].value;
        const char *path = value_path_index(l->arena, "include", i);
        if (l->sweep->sources == FILES_LIMIT) {
            report(&l->to, n->at, path, "more than %d files; at most so many make a sweep", FILES_LIMIT);
            return;
        }
        read_one(l, n, path);
    }
}

/* ---- what a file says ---- */

static void read_root(struct loader *l, const struct node *root)
{
    if (root->type != NODE_MAP) {
        report(&l->to, root->at, NULL, "a sweep must be a map with 'grids', not %s", node_type_name(root));
        return;
    }
    read_name(l, root);
    block_read_libraries(l, root);
    l->source->library = l->library;
    l->source->libraries = l->libraries;
    check_keys(l, root);
    read_shared(l, root);
    const struct node_entry *grids = node_find(root, "grids"), *include = node_find(root, "include");
    if (grids) grids_read(l, grids->value);
    if (include) read_includes(l, include->value);
    if (!grids && !include) report(&l->to, root->at, NULL, "'grids' is missing");
}

void source_read(struct sweep *s, struct source *f, struct spent *spent, const struct sink *to)
{
    struct loader l = { .to = *to, .arena = s->arena, .schema = s->schema, .sweep = s, .source = f, .spent = spent };
    l.to.file = f->is.path;
    const struct node *root = tree_load(f->is.path, f->is.text, f->length, s->arena, &spent->nodes, to->errors);
    if (root) read_root(&l, root);
}
