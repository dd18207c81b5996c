#include "job/inherit.h"
#include "base/names.h"
#include "base/text.h"
#include "sweep/tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_shape(const struct tensor *t, struct buf *out)
{
    buf_text(out, "[");
    for (int d = 0; d < t->rank; d++) buf_print(out, "%s%" PRId64, d ? ", " : "", t->dim[d]);
    buf_text(out, "]");
}

static bool same_shape(const struct tensor *a, const struct tensor *b)
{
    return a->rank == b->rank && !memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]);
}

static void differ(const struct tensor *own, const struct tensor *parent, struct err *e)
{
    struct buf text = { 0 };
    buf_print(&text, "the parent's %s is ", parent->name);
    print_shape(parent, &text);
    buf_print(&text, ", and %s of the job ", own->name);
    print_shape(own, &text);
    err_set(e, ERR_SPEC, "%s", buf_chars(&text));
    buf_release(&text);
}

int inherit_check(const struct layout *own, const struct layout *parent, struct err *e)
{
    struct err why = { 0 };
    for (int i = 0; i < own->count && !why.kind; i++) {
        const struct tensor *t = layout_find(parent, own->tensor[i].name);
        if (!t)
            err_set(&why, ERR_SPEC, "the parent has no %s", own->tensor[i].name);
        else if (!same_shape(&own->tensor[i], t))
            differ(&own->tensor[i], t, &why);
    }
    if (!why.kind && parent->n != own->n) err_set(&why, ERR_SPEC, "the parent has tensors that the job has not");
    return why.kind ? err_set(e, ERR_SPEC,
                              "%s; a job starts from all weights of its parent, or, as continue and edge_popup may, "
                              "from those that "
                              "'parent_tensors' names",
                              why.text)
                    : 0;
}

static const struct tensor *named(const char *whose, const char *name, const struct layout *l, struct err *e)
{
    const char *names[LAYOUT_TENSORS + 1] = { 0 };
    const struct tensor *t = layout_find(l, name);
    for (int i = 0; i < l->count; i++) names[i] = l->tensor[i].name;
    if (!t) names_unknown(e, NULL, name, names, "%s has no tensor '%s'; it has", whose, text_shown(name, 60));
    return t;
}

static int check_entry(const struct node_entry *entry, const struct layout *own, const struct layout *parent,
                       struct err *e)
{
    const struct node *n = entry->value;
    if (n->type != NODE_SCALAR)
        return err_set(e, ERR_SPEC, "'%s' must be the name of a tensor of the parent", text_shown(entry->key, 60));
    const struct tensor *to = named("the job", entry->key, own, e),
                        *from = to ? named("the parent", n->text, parent, e) : NULL;
    if (from && !same_shape(to, from)) differ(to, from, e);
    return e->kind ? -1 : 0;
}

/* NULL: the map does not say. */
static const char *source_of(const struct node *map, const char *name)
{
    const struct node_entry *entry = node_find(map, name);
    return entry ? entry->value->text : NULL;
}

int inherit_expand(const struct node *map, const char *file, const struct layout *own, const struct layout *parent,
                   struct buf *out, struct err *e)
{
    struct err why = { 0 };
    size_t tensors = 0;
    bool plain = true;
    for (size_t i = 0; i < map->count; i++)
        if (check_entry(&map->entry[i], own, parent, &why))
            return err_at(e, ERR_SPEC, file, map->entry[i].key_at, NULL, "parent_tensors: %s", why.text);
    for (int i = 0; i < own->count; i++) {
        const char *from = source_of(map, own->tensor[i].name);
        plain &= from && !strcmp(from, own->tensor[i].name);
    }
    if (plain && !inherit_check(own, parent, &why)) return 0;
    for (int i = 0; i < own->count; i++) {
        const char *name = own->tensor[i].name, *from = source_of(map, name);
        if (from) buf_print(out, "%s%s: %s", tensors++ ? ", " : "{", name, from);
    }
    if (!tensors)
        return err_at(e, ERR_SPEC, file, map->at, NULL,
                      "parent_tensors: names nothing; without it all weights are the parent's");
    buf_text(out, "}");
    return 0;
}

static int take_one(const struct tensor *to, const char *name, const struct layout *parent, inherit_take *take,
                    void *ctx, struct err *e)
{
    const struct tensor *from = layout_find(parent, name);
    if (!from || !same_shape(to, from))
        return err_set(e, ERR_JOB, "the parent has no %s as %s needs it", text_shown(name, 60), to->name);
    take(ctx, to->offset, from->offset, to->size);
    return 0;
}

int inherit_each(const char *text, const struct layout *own, const struct layout *parent, inherit_take *take,
                 void *ctx, struct err *e)
{
    struct arena a = { 0 };
    int rc = 0;
    const struct node *map = tree_value(text, &a);
    if (!map || map->type != NODE_MAP)
        rc = err_set(e, ERR_JOB, "a map of tensors cannot be read: '%s'", text_shown(text, 80));
    for (int i = 0; i < own->count && !rc; i++) {
        const char *from = source_of(map, own->tensor[i].name);
        if (from) rc = take_one(&own->tensor[i], from, parent, take, ctx, e);
    }
    arena_release(&a);
    return rc;
}
