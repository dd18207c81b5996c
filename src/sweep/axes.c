#include "base/text.h"
#include "sweep/private.h"

#include <stdlib.h>
#include <string.h>

uint64_t sweep_mul_capped(uint64_t a, uint64_t b)
{
    uint64_t c;
    return __builtin_mul_overflow(a, b, &c) ? UINT64_MAX : c;
}

uint64_t sweep_add_capped(uint64_t a, uint64_t b)
{
    uint64_t c;
    return __builtin_add_overflow(a, b, &c) ? UINT64_MAX : c;
}

uint64_t axes_product(const struct body *b, size_t from)
{
    uint64_t product = 1;
    for (size_t i = from; i < b->axes; i++) product = sweep_mul_capped(product, b->axis[i].count);
    return product;
}

static void unknown_member(struct loader *l, const struct body *b, const struct node *n, const char *path)
{
    struct names known = { .count = 0 };
    for (size_t i = 0; i < b->slots; i++) names_add(&known, b->slot[i]->key);
    report_names(&l->to, n->at, path, n->text, "given", &known, "the grid does not give '%s'",
                 text_shown(n->text, 80));
}

/* One more key tied to `first`.  False if what is wrong has been reported. */
static bool tie(struct loader *l, struct body *b, const struct node *n, size_t group, struct slot **first,
                const char *path)
{
    if (n->type != NODE_SCALAR) {
        report(&l->to, n->at, path, "must be the name of a key, not %s", node_type_name(n));
        return false;
    }
    struct slot *s = body_find(b, n->text);
    if (!s) {
        unknown_member(l, b, n, path);
        return false;
    }
    if (s->group) {
        report(&l->to, n->at, path, "'%s' is tied twice", s->key);
        return false;
    }
    s->group = group;
    if (s->bad) return false;
    if (s->type == SLOT_KEY && s->values[0].goal) {
        report(&l->to, n->at, path, "'%s' is searched and cannot be tied", s->key);
        return false;
    }
    if (!*first) *first = s;
    if (s->count == (*first)->count) return true;
    report(&l->to, n->at, path, "'%s' has %zu values but '%s' has %zu; tied keys need equally many", s->key, s->count,
           (*first)->key, (*first)->count);
    return false;
}

static void read_group(struct loader *l, struct body *b, const struct node *n, size_t group, const char *path)
{
    struct slot *first = NULL;
    if (n->type != NODE_LIST || n->count < 2) {
        report(&l->to, n->at, path, "must be a list of two or more keys");
        b->bad = true;
        return;
    }
    for (size_t i = 0; i < n->count; i++) b->bad |= !tie(l, b, n->entry[i].value, group, &first, path);
}

void axes_read_zip(struct loader *l, struct body *b, const struct node *n, const char *path)
{
    if (n->type == NODE_LIST && n->count > 0 && n->entry[0].value->type == NODE_LIST) {
        for (size_t i = 0; i < n->count; i++)
            read_group(l, b, n->entry[i].value, i + 1, value_path_index(l->arena, path, i));
    } else {
        read_group(l, b, n, 1, path);
    }
}

static bool is_moved(const struct slot *s)
{
    return s->group != 0 || s->count != 1;
}

static void find_axis(struct loader *l, struct body *b, struct slot *s)
{
    if (!is_moved(s)) return;
    struct axis *axis = NULL;
    for (size_t i = 0; i < b->axes && s->group; i++)
        if (b->axis[i].slot[0]->group == s->group) axis = &b->axis[i];
    if (!axis) {
        axis = &b->axis[b->axes++];
        axis->slot = ARENA_SMALL(l->arena, b->slots, struct slot *);
        axis->count = s->count;
    }
    axis->slot[axis->slots++] = s;
}

static void report_twice(struct loader *l, const struct slot *s, size_t index, bool tied)
{
    struct buf text = { 0 };
    slot_text(s, index, &text);
    report(&l->to, slot_mark(s, index), s->path, "%s is given twice%s",
           text_shown(text.length ? buf_chars(&text) : "the same block", 80),
           tied ? " with the same tied values" : "");
    buf_release(&text);
}

static int by_label(const void *a, const void *b)
{
    return memcmp(&((const struct label *)a)->id, &((const struct label *)b)->id, sizeof(struct id));
}

/* Tied keys may repeat values, but not all of them together: one id of each row. */
static void combine_labels(const struct axis *axis, struct label *out)
{
    for (size_t i = 0; i < axis->count; i++) out[i].index = i;
    for (size_t j = 0; j < axis->slots; j++)
        for (size_t i = 0; i < axis->count; i++) {
            const struct label *have = &axis->slot[j]->label[i];
            struct label *sum = &out[have->index];
            struct id parts[2] = { sum->id, have->id };
            sum->id = id_of(parts, sizeof parts);
        }
    qsort(out, axis->count, sizeof *out, by_label);
}

/* Labels in the order of their ids; NULL if no two alternatives can be equal. */
static const struct label *axis_labels(const struct axis *axis, struct arena *scratch)
{
    for (size_t j = 0; j < axis->slots; j++)
        if (!axis->slot[j]->label) return NULL;
    if (axis->slots == 1) return axis->slot[0]->label;
    struct label *combined = ARENA_NEW(scratch, axis->count, struct label);
    combine_labels(axis, combined);
    return combined;
}

static void check_repeats(struct loader *l, struct body *b, const struct axis *axis)
{
    struct arena scratch = { 0 };
    const struct label *label = axis_labels(axis, &scratch);
    for (size_t i = 1; label && i < axis->count; i++)
        if (id_equal(label[i].id, label[i - 1].id)) {
            size_t later = label[i].index > label[i - 1].index ? label[i].index : label[i - 1].index;
            report_twice(l, axis->slot[0], later, axis->slots > 1);
            b->bad = true;
        }
    arena_release(&scratch);
}

void axes_build(struct loader *l, struct body *b)
{
    size_t most = 0;
    for (size_t i = 0; i < b->slots; i++) most += is_moved(b->slot[i]);
    b->axis = ARENA_SMALL(l->arena, most, struct axis);
    if (b->bad) return;
    for (size_t i = 0; i < b->slots; i++) find_axis(l, b, b->slot[i]);
    for (size_t i = 0; i < b->axes; i++)
        if (b->axis[i].slot[0]->owner == b) check_repeats(l, b, &b->axis[i]);
}
