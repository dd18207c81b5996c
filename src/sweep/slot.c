#include "base/text.h"
#include "sweep/private.h"

#include <stdlib.h>
#include <string.h>

static size_t section_index(const struct sweep_schema *schema, const char *name, size_t length)
{
    for (size_t i = 0; i < schema->sections; i++)
        if (strlen(schema->section[i].name) == length && !memcmp(schema->section[i].name, name, length)) return i;
    return schema->sections;
}

/* A slot for the key of a grid, not read yet; NULL if a grid has no such key. */
struct slot *slot_open(struct loader *l, const struct node_entry *e, const char *path)
{
    const struct sweep_schema *schema = l->schema;
    const char *dot = strchr(e->key, '.');
    size_t section = section_index(schema, e->key, dot ? (size_t)(dot - e->key) : strlen(e->key));
    bool plain = !dot && field_find(schema->keys, e->key);
    if (!plain && section == schema->sections) return NULL;
    struct slot *s = ARENA_SMALL(l->arena, 1, struct slot);
    s->type = plain ? SLOT_KEY : dot ? SLOT_DOTTED : SLOT_PART;
    s->key = e->key;
    s->entry = e;
    s->path = value_path_key(l->arena, path, e->key);
    s->section = section;
    s->dotted_key = dot ? dot + 1 : NULL;
    return s;
}

static void read_key(struct loader *l, struct slot *s)
{
    s->values = ARENA_SMALL(l->arena, 1, struct values);
    s->variants = 1;
    s->bad = !values_read(l, field_find(l->schema->keys, s->key), s->entry->value, s->path, true, s->values);
    s->count = s->values->count;
}

static void read_part(struct loader *l, struct slot *s, const struct body *parent)
{
    const struct sweep_section *section = &l->schema->section[s->section];
    const struct node *n = s->entry->value;
    const struct block *base = NULL;
    if (section->shared) {
        const struct slot *over = parent ? body_part(parent, s->section) : NULL;
        base = over ? over->block : l->shared[s->section].name ? &l->shared[s->section] : NULL;
    }
    bool list = n->type == NODE_LIST && !section->shared;
    s->count = list ? n->count : 1;
    if (s->count == 0) report(&l->to, n->at, s->path, "an empty list: '%s' needs at least one value", s->key);
    s->bad = s->count == 0;
    s->block = ARENA_SMALL(l->arena, s->count, struct block);
    for (size_t i = 0; i < s->count; i++) {
        const char *path =
            list && n->entry[i].value->type == NODE_MAP ? value_path_index(l->arena, s->path, i) : s->path;
        block_read(l, section, list ? n->entry[i].value : n, path, base, &s->block[i]);
        s->bad |= s->block[i].bad;
    }
}

static void unknown_dotted(struct loader *l, const struct slot *s, const struct kind *kind)
{
    const struct sweep_section *section = &l->schema->section[s->section];
    if (section->kind_key && !strcmp(s->dotted_key, section->kind_key)) {
        report(&l->to, s->entry->key_at, s->path, "'%s' belongs into a block; list several blocks for an axis",
               section->kind_key);
        return;
    }
    struct names known = { .count = 0 };
    for (const struct field *f = section->fields; f && f->key; f++) names_add(&known, f->key);
    for (const struct field *f = kind ? kind->fields : NULL; f && f->key; f++) names_add(&known, f->key);
    report_names(&l->to, s->entry->key_at, s->path, s->dotted_key, "allowed", &known, "unknown key '%s'%s%s%s",
                 text_shown(s->dotted_key, 80), kind ? " for " : "", kind ? kind->name : "",
                 known.count ? "" : ", which has no keys");
}

static bool has_variant(const struct slot *s, const struct field *f)
{
    for (size_t i = 0; i < s->variants; i++)
        if (s->values[i].field == f) return true;
    return false;
}

static bool read_variant(struct loader *l, struct slot *s, const struct field *f)
{
    bool shared = l->schema->section[s->section].shared;
    struct values *v = &s->values[s->variants];
    if (!values_read(l, f, s->entry->value, s->path, !shared, v)) return false;
    if (s->variants++ == 0) s->count = v->count;
    if (v->count == s->count) return true;
    report(&l->to, s->entry->value->at, s->path, "'%s' is one list for one block and several values for another",
           f->key);
    return false;
}

/* One reading of the values for each field that the key means in the alternatives of its section. */
static void read_dotted(struct loader *l, struct slot *s, const struct body *b)
{
    const struct sweep_section *section = &l->schema->section[s->section];
    const struct slot *part = body_part(b, s->section);
    s->bad = true;
    if (!part) {
        report(&l->to, s->entry->key_at, s->path, "'%s' is not given, so it has no '%s'", section->name,
               text_shown(s->dotted_key, 80));
        return;
    }
    s->values = ARENA_SMALL(l->arena, part->count, struct values);
    for (size_t i = 0; i < part->count; i++) {
        const struct block *block = &part->block[i];
        if (section->kind_key && !block->kind) continue; /* reported */
        const struct field *f = block_field(section, block->kind, s->dotted_key);
        if (!f) unknown_dotted(l, s, block->kind);
        if (!f || (!has_variant(s, f) && !read_variant(l, s, f))) return;
    }
    s->bad = s->variants == 0;
}

void slot_text(const struct slot *s, size_t i, struct buf *out)
{
    if (s->type == SLOT_PART)
        buf_text(out, s->block[i].name);
    else
        values_text(&s->values[0], i, out);
}

struct mark slot_mark(const struct slot *s, size_t i)
{
    return s->type == SLOT_PART ? s->block[i].at : values_mark(&s->values[0], i);
}

/* What makes two alternatives the same; blocks of two names differ even if they say the same. */
static void alternative_text(const struct slot *s, size_t i, struct buf *out)
{
    slot_text(s, i, out);
    if (s->type != SLOT_PART) return;
    const struct block *b = &s->block[i];
    buf_print(out, "\n%s", b->kind ? b->kind->name : "");
    for (size_t j = 0; j < b->count; j++) buf_print(out, "\n%s=%s", b->value[j].field->key, b->value[j].text);
}

static int by_id(const void *a, const void *b)
{
    const struct label *x = a, *y = b;
    if (x->id.high != y->id.high) return x->id.high < y->id.high ? -1 : 1;
    if (x->id.low != y->id.low) return x->id.low < y->id.low ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* One block alone is like no other; one value still is what an exclude may ask for. */
static void make_labels(struct loader *l, struct slot *s)
{
    if (s->type == SLOT_PART ? s->count == 1 : !s->values[0].value) return;
    struct buf text = { 0 };
    s->label = ARENA_SMALL(l->arena, s->count, struct label);
    for (size_t i = 0; i < s->count; i++) {
        buf_clear(&text);
        alternative_text(s, i, &text);
        s->label[i] = (struct label){ id_of(buf_chars(&text), text.length), i };
    }
    qsort(s->label, s->count, sizeof *s->label, by_id);
    buf_release(&text);
}

void slot_read(struct loader *l, struct slot *s, const struct body *b, const struct body *parent)
{
    switch (s->type) {
    case SLOT_KEY: read_key(l, s); break;
    case SLOT_PART: read_part(l, s, parent); break;
    case SLOT_DOTTED: read_dotted(l, s, b); break;
    }
    if (!s->bad) make_labels(l, s);
}

struct slot *body_find(const struct body *b, const char *key)
{
    for (size_t i = 0; i < b->slots; i++)
        if (!strcmp(b->slot[i]->key, key)) return b->slot[i];
    return NULL;
}

struct slot *body_part(const struct body *b, size_t section)
{
    for (size_t i = 0; i < b->slots; i++)
        if (b->slot[i]->type == SLOT_PART && b->slot[i]->section == section) return b->slot[i];
    return NULL;
}
