#include "base/text.h"
#include "sweep/private.h"

#include <stdio.h>
#include <string.h>

enum { VALUES_SHOWN = 12 };

const char *value_path_key(struct arena *a, const char *base, const char *key)
{
    char text[128];
    text_brief(text, sizeof text, "%s%s%s", base, base[0] ? "." : "", text_shown(key, 60));
    return arena_text(a, text, strlen(text));
}

const char *value_path_index(struct arena *a, const char *base, size_t index)
{
    char text[128];
    text_brief(text, sizeof text, "%s[%zu]", base, index);
    return arena_text(a, text, strlen(text));
}

bool node_is_null(const struct node *n)
{
    return n->type == NODE_SCALAR && (!n->text[0] || !strcmp(n->text, "~") || !strcmp(n->text, "null"));
}

/* A list that is one value, as field_set reads it: "[0.9,0.98]". */
static bool list_text(struct loader *l, const struct field *f, const struct node *n, const char *path,
                      struct buf *out)
{
    buf_text(out, "[");
    for (size_t i = 0; i < n->count; i++) {
        const struct node *item = n->entry[i].value;
        if (item->type != NODE_SCALAR || node_is_null(item)) {
            report(&l->to, item->at, path, "'%s' must be a list of plain values", f->key);
            return false;
        }
        buf_print(out, "%s%s", i ? "," : "", item->text);
    }
    buf_text(out, "]");
    return true;
}

/* As it is written, in flow style and without quotes; what it means, and so what is wrong with its words, is for
 * whoever reads the tree. */
static bool tree_text(struct loader *l, const struct field *f, const struct node *n, const char *path,
                      struct buf *out)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.=$+-*/^() ";
    if (n->type == NODE_SCALAR && !node_is_null(n) && !n->text[strspn(n->text, allowed)]) {
        buf_text(out, n->text);
        return true;
    }
    if (n->type == NODE_SCALAR) {
        report(&l->to, n->at, path,
               "'%s' is no word of a list: letters, digits and _ . = $ + - * / ^ ( ) are allowed",
               text_shown(n->text, 40));
        return false;
    }
    bool ok = true;
    buf_text(out, n->type == NODE_LIST ? "[" : "{");
    for (size_t i = 0; i < n->count; i++) {
        if (i) buf_text(out, ",");
        if (n->type == NODE_MAP) buf_print(out, "%s: ", n->entry[i].key);
        ok &= tree_text(l, f, n->entry[i].value, path, out);
    }
    buf_text(out, n->type == NODE_LIST ? "]" : "}");
    return ok;
}

static bool node_text(struct loader *l, const struct field *f, const struct node *n, const char *path,
                      struct buf *out)
{
    if (n->type == (f->type == FIELD_TABLE ? NODE_MAP : NODE_LIST) && field_is_tree(f))
        return tree_text(l, f, n, path, out);
    if (n->type == NODE_LIST && field_takes_list(f)) return list_text(l, f, n, path, out);
    if (n->type == NODE_MAP && f->type == FIELD_CODE) return tree_text(l, f, n, path, out);
    if (field_is_tree(f))
        report(&l->to, n->at, path, "'%s' must be %s, not %s", f->key, f->type == FIELD_TABLE ? "a map" : "a list",
               node_type_name(n));
    else if (n->type != NODE_SCALAR)
        report(&l->to, n->at, path, "'%s' must be one value here, not %s", f->key, node_type_name(n));
    else if (node_is_null(n))
        report(&l->to, n->at, path, "'%s' has no value", f->key);
    else {
        buf_text(out, n->text);
        return true;
    }
    return false;
}

static bool read_one(struct loader *l, const struct field *f, const struct node *n, const char *path,
                     struct sweep_value *out)
{
    struct buf text = { 0 }, canonical = { 0 };
    struct err e = { 0 };
    bool ok = node_text(l, f, n, path, &text);
    if (ok && canonical_value(f, buf_chars(&text), &canonical, &e)) {
        report(&l->to, n->at, path, "%s", e.text);
        ok = false;
    }
    if (ok) {
        const char *kept = buf_chars(&canonical);
        bool as_written = n->type == NODE_SCALAR && !strcmp(kept, n->text);
        *out = (struct sweep_value){
            f, as_written ? n->text : arena_text(l->arena, kept, canonical.length), n->at, path, NULL, NULL, n
        };
        ok = !f->blocks || library_knows(l, f, out);
    }
    buf_release(&text);
    buf_release(&canonical);
    return ok;
}

/* A flat list is one value of a field that holds several, and so is a tree, whose entries are never all lists. */
static bool is_axis(const struct field *f, const struct node *n)
{
    if (n->type != NODE_LIST || !field_takes_list(f)) return n->type == NODE_LIST;
    size_t plain = 0;
    for (size_t i = 0; i < n->count; i++)
        plain +=
            f->type == FIELD_TREE ? n->entry[i].value->type != NODE_LIST : n->entry[i].value->type == NODE_SCALAR;
    return f->type == FIELD_TREE ? plain == 0 : plain < n->count;
}

static bool affordable(struct loader *l, const struct node *n, const char *path, size_t count)
{
    size_t *values = &l->spent->values;
    if (*values <= VALUE_LIMIT && (*values += count) > VALUE_LIMIT)
        report(&l->to, n->at, path, "more than %d values in lists", VALUE_LIMIT);
    return *values <= VALUE_LIMIT;
}

bool values_read(struct loader *l, const struct field *f, const struct node *n, const char *path, bool axis,
                 struct values *out)
{
    if (axis && n->type == NODE_MAP && f->type != FIELD_TABLE) return steps_read(l, f, n, path, out);
    bool list = axis && is_axis(f, n), ok = true;
    size_t count = list ? n->count : 1;
    if (count == 0) report(&l->to, n->at, path, "an empty list: '%s' needs at least one value", f->key);
    if (count == 0 || !affordable(l, n, path, count)) return false;
    struct sweep_value *value = ARENA_SMALL(l->arena, count, struct sweep_value);
    for (size_t i = 0; i < count; i++) ok &= read_one(l, f, list ? n->entry[i].value : n, path, &value[i]);
    *out = (struct values){ .field = f, .path = path, .at = n->at, .count = count, .value = value };
    return ok;
}

void values_text(const struct values *v, size_t i, struct buf *out)
{
    if (v->value) {
        buf_text(out, v->value[i].text);
        return;
    }
    char text[48];
    struct err e = { 0 };
    steps_text(&v->steps, i, text);
    if (canonical_value(v->field, text, out, &e))
        BUG("'%s' takes the ends of a range but not %s", v->field->key, text);
}

void values_list(const struct values *v, struct buf *out)
{
    for (size_t i = 0; i < v->count; i++) {
        if (i) buf_text(out, ", ");
        if (i == VALUES_SHOWN) {
            buf_text(out, "...");
            return;
        }
        values_text(v, i, out);
    }
}

struct mark values_mark(const struct values *v, size_t i)
{
    return v->value ? v->value[i].at : v->at;
}
