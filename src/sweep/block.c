#include "base/text.h"
#include "sweep/private.h"

#include <stdlib.h>
#include <string.h>

enum { USE_DEPTH = 32 };

const struct field *block_field(const struct sweep_section *s, const struct kind *kind, const char *key)
{
    const struct field *f = field_find(s->fields, key);
    if (f || !kind) return f;
    f = field_find(kind->fields, key);
    return f || !kind->own_keys ? f : field_own(key);
}

const struct sweep_value *block_find(const struct block *b, const char *key)
{
    for (size_t i = 0; i < b->count; i++)
        if (!strcmp(b->value[i].field->key, key)) return &b->value[i];
    return NULL;
}

static void unknown_kind(struct loader *l, const struct sweep_section *s, const struct node *n, const char *path)
{
    struct names known = { .count = 0 };
    for (size_t i = 0; s->kinds[i]; i++) names_add(&known, s->kinds[i]->name);
    report_names(&l->to, n->at, path, n->text, "known", &known, "unknown %s '%s'", s->kind_key,
                 text_shown(n->text, 80));
}

/* What is misspelt is read as what it is near to, so that what else is wrong comes to light at once. */
static const struct kind *kind_meant(const struct sweep_section *s, const char *word)
{
    const char *names[64] = { 0 };
    for (size_t i = 0; s->kinds[i] && i + 1 < ARRAY_LEN(names); i++) names[i] = s->kinds[i]->name;
    const char *near = names_near(word, names);
    return near ? library_kind(s, near) : NULL;
}

/* The kind that the block is of, from what it uses, from its own key, or the standard one. */
static void read_kind(struct loader *l, const struct sweep_section *s, const struct node *map, const char *path,
                      struct block *out)
{
    if (!s->kind_key) return;
    const struct node_entry *e = node_find(map, s->kind_key);
    const struct kind *used = out->kind;
    if (!e && !used && !out->bad && s->standard_kind) out->kind = library_kind(s, s->standard_kind);
    if (!e) {
        if (!out->kind && !out->bad) report(&l->to, map->at, path, "'%s' is missing", s->kind_key);
        out->bad |= !out->kind;
        return;
    }
    const struct node *n = e->value;
    if (n->type != NODE_SCALAR || node_is_null(n)) {
        report(&l->to, n->at, path, "'%s' must be a name", s->kind_key);
        out->bad = true;
    } else if (!(out->kind = library_kind(s, n->text))) {
        unknown_kind(l, s, n, path);
        out->kind = used ? used : kind_meant(s, n->text);
        out->bad |= !out->kind;
    } else if (used && used != out->kind) {
        report(&l->to, n->at, path, "'%s' is %s in '%s' and cannot become %s", s->kind_key, used->name, out->name,
               n->text);
        out->bad = true;
    }
}

/* Of a block whose kind nobody can guess: has any kind such a key? */
static bool any_kind_has(const struct sweep_section *s, const char *key)
{
    for (size_t i = 0; s->kinds[i]; i++)
        if (field_find(s->kinds[i]->fields, key)) return true;
    return false;
}

/* The key that is meant, if it is not there itself; NULL: none.  Of a block without a kind, nobody knows which keys
 * it may have. */
static const struct field *unknown_key(struct loader *l, const struct sweep_section *s, const struct kind *kind,
                                       const struct node *map, const struct node_entry *e, const char *path)
{
    struct names known = { .count = 0 };
    if (!kind && s->kind_key) {
        if (!any_kind_has(s, e->key))
            report(&l->to, e->key_at, path, "unknown key '%s', whatever %s is meant", text_shown(e->key, 80),
                   s->kind_key);
        return NULL;
    }
    if (s->library) names_add(&known, "use");
    if (s->kind_key) names_add(&known, s->kind_key);
    for (const struct field *f = s->fields; f && f->key; f++) {
        names_add(&known, f->key);
        if (f->also) names_add(&known, f->also);
    }
    for (const struct field *f = kind ? kind->fields : NULL; f && f->key; f++) names_add(&known, f->key);
    report_names(&l->to, e->key_at, path, e->key, "allowed", &known, "unknown key '%s'%s%s", text_shown(e->key, 80),
                 kind ? " for " : "", kind ? kind->name : "");
    const char *near = names_near(e->key, known.item);
    return near && !node_find(map, near) ? block_field(s, kind, near) : NULL;
}

/* An own value replaces that of the block used. */
static void put_value(struct block *b, struct sweep_value *value, struct sweep_value v)
{
    for (size_t i = 0; i < b->count; i++)
        if (value[i].field == v.field) {
            value[i] = v;
            return;
        }
    value[b->count++] = v;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct sweep_value *)a)->field->key, ((const struct sweep_value *)b)->field->key);
}

/* A key has two names, and both are there. */
static bool said_twice(struct loader *l, const struct node *map, const struct node_entry *e, const struct field *f,
                       const char *path)
{
    if (!f->also || strcmp(e->key, f->also) != 0 || !node_find(map, f->key)) return false;
    report(&l->to, e->key_at, path, "'%s' and '%s' say the same: leave one of the two out", f->key, f->also);
    return true;
}

/* out holds what the block overrides. */
static void read_values(struct loader *l, const struct sweep_section *s, const struct node *map, const char *path,
                        struct block *out)
{
    size_t own = map->count;
    struct sweep_value *value = ARENA_SMALL(l->arena, out->count + own, struct sweep_value);
    if (out->count) memcpy(value, out->value, out->count * sizeof *value);
    for (size_t i = 0; i < own; i++) {
        const struct node_entry *e = &map->entry[i];
        if ((s->library && !strcmp(e->key, "use")) || (s->kind_key && !strcmp(e->key, s->kind_key))) continue;
        const struct field *f = block_field(s, out->kind, e->key);
        struct values v;
        if (!f) f = unknown_key(l, s, out->kind, map, e, path);
        if (!f || said_twice(l, map, e, f, path)) continue;
        if (values_read(l, f, e->value, value_path_key(l->arena, path, e->key), false, &v)) {
            put_value(out, value, v.value[0]);
            continue;
        }
        /* known, but without a usable value: it is not missing */
        put_value(out, value, (struct sweep_value){ f, "", e->value->at, path, NULL, NULL, NULL });
        out->bad = true;
    }
    qsort(value, out->count, sizeof *value, by_key);
    out->value = value;
}

static void unknown_block(struct loader *l, const struct library *lib, const struct sweep_section *s,
                          const struct node *n, const char *path)
{
    struct names known = { .count = 0 };
    for (size_t i = 0; i < lib->count; i++) names_add(&known, lib->item[i].entry->key);
    for (size_t i = 0; s->bare_kinds && s->kinds[i]; i++) names_add(&known, s->kinds[i]->name);
    if (s->bare_kinds)
        report_names(&l->to, n->at, path, n->text, "known", &known, "unknown %s '%s'", s->name,
                     text_shown(n->text, 80));
    else if (lib->count)
        report_names(&l->to, n->at, path, n->text, "known", &known, "'%s' is not in '%s'", text_shown(n->text, 80),
                     lib->name);
    else
        report(&l->to, n->at, path, "'%s' is not in '%s', which is empty", text_shown(n->text, 80), lib->name);
}

static void open_block(struct loader *l, struct library *lib, struct named_block *b);

/* A kind's own name stands for the block that says no more than the kind. */
static const struct block *bare_block(struct loader *l, const struct sweep_section *s, const struct node *n)
{
    const struct kind *kind = s->bare_kinds ? library_kind(s, n->text) : NULL;
    if (!kind) return NULL;
    struct block *b = ARENA_SMALL(l->arena, 1, struct block);
    *b = (struct block){ .name = kind->name, .kind = kind, .at = n->at };
    return b;
}

/* The named block that n names, read if it was not yet; NULL: reported. */
static const struct block *named(struct loader *l, const struct sweep_section *s, const struct node *n,
                                 const char *path)
{
    struct library *lib = library_of(l, s->library);
    struct named_block *b = NULL;
    if (n->type != NODE_SCALAR || node_is_null(n)) {
        report(&l->to, n->at, path, "must be the name of a block of '%s'", lib->name);
        return NULL;
    }
    b = library_find(lib, n->text);
    if (!b) {
        const struct block *bare = bare_block(l, s, n);
        if (!bare && !lib->bad) unknown_block(l, lib, s, n, path);
        return bare;
    } else if (b->state == BLOCK_OPEN) {
        report(&l->to, n->at, path, "'%s' uses itself", text_shown(n->text, 80));
    } else {
        if (b->state == BLOCK_NEW) open_block(l, lib, b);
        return &b->block;
    }
    return NULL;
}

/* out holds what the map overrides: nothing, or a shared section's values. */
static void read_map(struct loader *l, const struct sweep_section *s, const struct node *n, const char *path,
                     struct block *out)
{
    const struct node_entry *use = s->library ? node_find(n, "use") : NULL;
    if (use) {
        const struct block *b = named(l, s, use->value, path);
        if (b) *out = *b;
        out->bad |= !b;
        if (++out->depth > USE_DEPTH) {
            report(&l->to, use->value->at, path, "more than %d blocks use one another", USE_DEPTH);
            out->bad = true;
        }
    }
    out->at = n->at;
    read_kind(l, s, n, path, out);
    read_values(l, s, n, path, out);
}

static bool expect_map(struct loader *l, const struct sweep_section *s, const struct node *n, const char *path)
{
    if (n->type == NODE_MAP) return true;
    if (node_is_null(n))
        report(&l->to, n->at, path, "'%s' has no value", s->name);
    else if (n->type == NODE_LIST)
        report(&l->to, n->at, path, "must be one '%s' here, not a list", s->name);
    else
        report(&l->to, n->at, path, "must be a map of keys, not '%s'", text_shown(n->text, 80));
    return false;
}

/* A block that hid a kind behind the kind's own name would be read as that kind. */
static void check_bare_name(struct loader *l, const struct sweep_section *s, struct named_block *b, const char *path)
{
    const struct kind *same = s->bare_kinds ? library_kind(s, b->entry->key) : NULL;
    if (!same || !b->block.kind || b->block.kind == same) return;
    report(&l->to, b->entry->key_at, path, "'%s' is a kind of its own; a block of that name must be of it, not of %s",
           same->name, b->block.kind->name);
    b->block.bad = true;
}

static void open_block(struct loader *l, struct library *lib, struct named_block *b)
{
    const struct node *n = b->entry->value;
    const char *path = value_path_key(l->arena, lib->name, b->entry->key);
    b->state = BLOCK_OPEN;
    b->block = (struct block){ .at = n->at };
    if (++l->open_blocks > USE_DEPTH) {
        report(&l->to, n->at, path, "more than %d blocks use one another", USE_DEPTH);
        b->block.bad = true;
    } else if (expect_map(l, lib->section, n, path)) {
        read_map(l, lib->section, n, path, &b->block);
    } else {
        b->block.bad = true;
    }
    l->open_blocks--;
    check_bare_name(l, lib->section, b, path);
    b->block.name = b->entry->key;
    b->state = BLOCK_DONE;
}

void block_read(struct loader *l, const struct sweep_section *s, const struct node *n, const char *path,
                const struct block *base, struct block *out)
{
    *out = base ? *base : (struct block){ .name = "" };
    if (n->type == NODE_SCALAR && s->library) {
        const struct block *b = named(l, s, n, path);
        if (b) *out = *b;
        out->bad |= !b;
        out->at = n->at;
    } else if (expect_map(l, s, n, path)) {
        out->name = "";
        read_map(l, s, n, path, out);
    } else {
        out->bad = true;
    }
}

static void read_library(struct loader *l, struct library *lib, const struct node *n)
{
    if (n->type != NODE_MAP) {
        report(&l->to, n->at, lib->name, "must be a map of named blocks, not %s", node_type_name(n));
        lib->bad = true;
        return;
    }
    lib->item = ARENA_SMALL(l->arena, n->count, struct named_block);
    lib->count = n->count;
    for (size_t i = 0; i < n->count; i++) {
        lib->item[i].entry = &n->entry[i];
        UNLOOKED(
            name_check(l, n->entry[i].key, n->entry[i].key_at, lib->name, "a name")); /* what is in it is read, too */
    }
    library_sort(lib);
    for (size_t i = 0; i < lib->count; i++)
        if (lib->item[i].state == BLOCK_NEW) open_block(l, lib, &lib->item[i]);
}

void block_read_libraries(struct loader *l, const struct node *root)
{
    const struct sweep_schema *schema = l->schema;
    l->library = ARENA_SMALL(l->arena, schema->sections + schema->extras, struct library);
    for (size_t i = 0; i < schema->sections + schema->extras; i++) {
        const struct sweep_section *s =
            i < schema->sections ? &schema->section[i] : &schema->extra[i - schema->sections];
        bool known = !s->library;
        for (size_t j = 0; j < l->libraries && !known; j++) known = !strcmp(l->library[j].name, s->library);
        if (known) continue;
        struct library *lib = &l->library[l->libraries++];
        *lib = (struct library){ .name = s->library, .section = s };
        const struct node_entry *e = node_find(root, s->library);
        if (e) read_library(l, lib, e->value);
    }
}
