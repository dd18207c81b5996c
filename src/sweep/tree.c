#include "sweep/tree.h"
#include "base/buf.h"
#include "base/text.h"
#include "sweep/merge.h"
#include "sweep/report.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { DEPTH_LIMIT = 64, NODE_LIMIT = 1000000, ANCHOR_LIMIT = 1000 };

struct anchor {
    const char *name;
    const struct node *node; /* NULL while it is being read: an alias to it would be a cycle */
    size_t weight;           /* nodes behind it, aliases expanded                            */
};

struct reader {
    yaml_parser_t yaml;
    struct sink to;
    struct arena *arena;
    const char *text;
    size_t length;
    struct anchor anchor[ANCHOR_LIMIT];
    size_t anchors;
    struct entry_stack stack; /* entries of the lists and maps that are open */
    int depth;
    bool broken; /* there is nothing to go on with        */
    bool stop;   /* not even to look for further mistakes */
};

static struct mark mark_of(yaml_mark_t m)
{
    return (struct mark){ (int)m.line + 1, (int)m.column + 1 };
}

static void give_up(struct reader *r)
{
    r->broken = r->stop = true;
}

/* The reader's errors carry a byte offset instead of a mark. */
static struct mark mark_of_offset(const struct reader *r, size_t offset)
{
    struct mark at = { 1, 1 };
    for (size_t i = 0; i < offset && i < r->length; i++) {
        unsigned char c = (unsigned char)r->text[i];
        if (c == '\n') {
            at.line++;
            at.col = 1;
        } else if ((c & 0xC0) != 0x80) {
            at.col++;
        }
    }
    return at;
}

static void report_syntax(struct reader *r)
{
    const yaml_parser_t *y = &r->yaml;
    if (y->error == YAML_MEMORY_ERROR) die("out of memory for '%s'", r->to.file);
    if (y->error == YAML_READER_ERROR) {
        report(&r->to, mark_of_offset(r, y->problem_offset), NULL, "not a text file in UTF-8: %s", y->problem);
    } else if (y->context) {
        report(&r->to, mark_of(y->problem_mark), NULL, "not valid YAML: %s, %s that began at line %zu", y->problem,
               y->context, y->context_mark.line + 1);
    } else {
        report(&r->to, mark_of(y->problem_mark), NULL, "not valid YAML: %s", y->problem);
    }
    give_up(r);
}

/* The next event, to be deleted by the caller; false at a syntax error or after giving up. */
static bool next(struct reader *r, yaml_event_t *event)
{
    if (r->stop) return false;
    if (yaml_parser_parse(&r->yaml, event)) return true;
    report_syntax(r);
    return false;
}

static void check_tag(struct reader *r, const yaml_char_t *tag, struct mark at)
{
    static const char *const plain[] = { "str", "int", "float", "bool", "null", "seq", "map", NULL };
    static const char prefix[] = "tag:yaml.org,2002:";
    const char *text = (const char *)tag;
    if (!text || !strcmp(text, "!")) return;
    if (!strncmp(text, prefix, sizeof prefix - 1))
        for (size_t i = 0; plain[i]; i++)
            if (!strcmp(text + sizeof prefix - 1, plain[i])) return;
    report(&r->to, at, NULL, "unknown tag '%s'; only plain YAML is read", text_shown(text, 80));
}

/* A name for the node that starts here; its index, ANCHOR_LIMIT without one. */
static size_t open_anchor(struct reader *r, const yaml_char_t *name, struct mark at)
{
    if (!name) return ANCHOR_LIMIT;
    if (r->anchors == ANCHOR_LIMIT) {
        report(&r->to, at, NULL, "more than %d anchors", ANCHOR_LIMIT);
        give_up(r);
        return ANCHOR_LIMIT;
    }
    const char *text = (const char *)name;
    r->anchor[r->anchors] = (struct anchor){ .name = arena_text(r->arena, text, strlen(text)) };
    return r->anchors++;
}

static void close_anchor(struct reader *r, size_t index, const struct node *n, size_t weight)
{
    if (index == ANCHOR_LIMIT) return;
    r->anchor[index].node = n;
    r->anchor[index].weight = weight;
}

static const struct node *read_alias(struct reader *r, const char *name, struct mark at, size_t *weight)
{
    static const struct node nothing = { .type = NODE_SCALAR, .text = "" };
    for (size_t i = r->anchors; i-- > 0;) {
        const struct anchor *a = &r->anchor[i];
        if (strcmp(a->name, name)) continue;
        *weight = a->weight;
        if (a->node) return a->node;
        report(&r->to, at, NULL, "'*%s' stands inside what it refers to", text_shown(name, 80));
        r->broken = true;
        return &nothing;
    }
    report(&r->to, at, NULL, "unknown anchor '%s': no '&%s' stands before", text_shown(name, 80),
           text_shown(name, 80));
    r->broken = true;
    return &nothing;
}

static const struct node *read_node(struct reader *r, yaml_event_t *event, size_t *weight);

static bool reaches_limit(struct reader *r, struct mark at, size_t weight)
{
    if (weight <= NODE_LIMIT || r->stop) return r->stop;
    report(&r->to, at, NULL, "more than %d values, counting what stands behind aliases", NODE_LIMIT);
    give_up(r);
    return true;
}

static const struct node *take_node(struct reader *r, yaml_event_t *event, size_t *total)
{
    size_t weight = 0;
    struct mark at = mark_of(event->start_mark);
    const struct node *n = read_node(r, event, &weight);
    yaml_event_delete(event);
    *total += weight;
    return reaches_limit(r, at, *total) ? NULL : n;
}

static void read_list(struct reader *r, size_t *weight)
{
    yaml_event_t event;
    while (next(r, &event)) {
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return;
        }
        const struct node *n = take_node(r, &event, weight);
        if (n) merge_push(&r->stack, (struct node_entry){ .value = n, .key_at = n->at });
    }
}

static void read_map(struct reader *r, size_t *weight)
{
    yaml_event_t event;
    while (next(r, &event)) {
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return;
        }
        struct mark at = mark_of(event.start_mark);
        const struct node *key = take_node(r, &event, weight);
        if (!key || !next(r, &event)) return;
        const struct node *value = take_node(r, &event, weight);
        if (key->type != NODE_SCALAR)
            report(&r->to, at, NULL, "a key must be a single word, not a %s", key->type == NODE_MAP ? "map" : "list");
        else if (value)
            merge_push(&r->stack, (struct node_entry){ .key = key->text, .key_at = at, .value = value });
    }
}

static const struct node *read_collection(struct reader *r, enum node_type type, struct mark at, size_t *weight)
{
    struct node *n = ARENA_SMALL(r->arena, 1, struct node);
    *n = (struct node){ .type = type, .at = at };
    if (r->depth == DEPTH_LIMIT) {
        report(&r->to, at, NULL, "nested more than %d deep", DEPTH_LIMIT);
        give_up(r);
        return n;
    }
    size_t base = r->stack.count;
    r->depth++;
    (type == NODE_LIST ? read_list : read_map)(r, weight);
    r->depth--;
    if (type == NODE_MAP && !r->stop) merge_entries(&r->stack, base, &r->to);
    n->count = r->stack.count - base;
    struct node_entry *copy = ARENA_SMALL(r->arena, n->count, struct node_entry);
    if (n->count) memcpy(copy, r->stack.item + base, n->count * sizeof *copy);
    n->entry = copy;
    r->stack.count = base;
    return n;
}

static const struct node *read_scalar(struct reader *r, const yaml_event_t *event)
{
    struct mark at = mark_of(event->start_mark);
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    if (memchr(text, '\0', length)) report(&r->to, at, NULL, "a text may not hold a NUL character");
    struct node *n = ARENA_SMALL(r->arena, 1, struct node);
    *n = (struct node){ .type = NODE_SCALAR, .at = at, .text = arena_text(r->arena, text, length) };
    return n;
}

static const struct node *read_node(struct reader *r, yaml_event_t *event, size_t *weight)
{
    struct mark at = mark_of(event->start_mark);
    const struct node *n = NULL;
    size_t anchor = ANCHOR_LIMIT;
    *weight = 1;
    switch (event->type) {
    case YAML_ALIAS_EVENT: return read_alias(r, (const char *)event->data.alias.anchor, at, weight);
    case YAML_SCALAR_EVENT:
        anchor = open_anchor(r, event->data.scalar.anchor, at);
        check_tag(r, event->data.scalar.tag, at);
        n = read_scalar(r, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = open_anchor(r, event->data.sequence_start.anchor, at);
        check_tag(r, event->data.sequence_start.tag, at);
        n = read_collection(r, NODE_LIST, at, weight);
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = open_anchor(r, event->data.mapping_start.anchor, at);
        check_tag(r, event->data.mapping_start.tag, at);
        n = read_collection(r, NODE_MAP, at, weight);
        break;
    default: BUG("libyaml event %d where a node starts", (int)event->type);
    }
    close_anchor(r, anchor, n, *weight);
    return n;
}

static const struct node *read_documents(struct reader *r, size_t *nodes)
{
    const struct node *root = NULL;
    yaml_event_t event;
    size_t documents = 0;
    while (next(r, &event)) {
        yaml_event_type_t type = event.type;
        struct mark at = mark_of(event.start_mark);
        if (type == YAML_DOCUMENT_START_EVENT && ++documents == 2) {
            report(&r->to, at, NULL, "a second document begins here; a sweep is one document");
            give_up(r);
        }
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT) break;
        if (type == YAML_DOCUMENT_START_EVENT && next(r, &event)) root = take_node(r, &event, nodes);
    }
    if (documents == 0 && !r->broken) report(&r->to, (struct mark){ 1, 1 }, NULL, "the file is empty");
    return r->broken ? NULL : root;
}

const struct node *tree_load(const char *file, const char *text, size_t length, struct arena *a, size_t *nodes,
                             struct err_list *errors)
{
    const size_t mark = text_byte_order_mark(text, length);
    text += mark;
    length -= mark;
    struct reader *r = calloc(1, sizeof *r);
    if (!r || !yaml_parser_initialize(&r->yaml)) die("out of memory for '%s'", file);
    yaml_parser_set_encoding(&r->yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->yaml, (const unsigned char *)text, length);
    r->to = (struct sink){ file, errors, errors->count };
    r->arena = a;
    r->text = text;
    r->length = length;
    const struct node *root = read_documents(r, nodes);
    yaml_parser_delete(&r->yaml);
    entry_stack_release(&r->stack);
    free(r);
    return root;
}

const struct node_entry *node_find(const struct node *map, const char *key)
{
    for (size_t i = 0; map->type == NODE_MAP && i < map->count; i++)
        if (!strcmp(map->entry[i].key, key)) return &map->entry[i];
    return NULL;
}

const struct node *tree_value(const char *text, struct arena *a)
{
    struct err_list errors = { 0 };
    size_t nodes = 0;
    const struct node *value = tree_load("", text, strlen(text), a, &nodes, &errors);
    const bool sound = errors.seen == 0;
    err_list_release(&errors);
    return sound ? value : NULL;
}
