#include "base/text.h"
#include "sweep/private.h"

#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

/* The positions at which a slot has the value that an entry names; at most slot->count are written. */
static size_t match_part(const struct slot *s, const char *name, size_t *index)
{
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->block[i].name, name)) index[count++] = i;
    return count;
}

static size_t match_label(const struct slot *s, const char *canonical, size_t *index)
{
    struct id id = id_of(canonical, strlen(canonical));
    size_t low = 0, high = s->count, count = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct id have = s->label[middle].id;
        bool less = have.high < id.high || (have.high == id.high && have.low < id.low);
        if (less)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i < s->count && id_equal(s->label[i].id, id); i++) index[count++] = s->label[i].index;
    return count;
}

static size_t match_value(const struct slot *s, const char *canonical, size_t *index)
{
    if (s->label) return match_label(s, canonical, index);
    size_t i = steps_find(&s->values[0], canonical);
    if (i == SIZE_MAX) return 0;
    index[0] = i;
    return 1;
}

static void no_match(struct loader *l, const struct slot *s, const struct node *n, const char *path)
{
    struct buf held = { 0 };
    if (s->type == SLOT_PART) {
        struct names known = { .count = 0 };
        for (size_t i = 0; i < s->count; i++) names_add(&known, s->block[i].name);
        report_names(&l->to, n->at, path, n->text, "it has", &known, "the grid has no such '%s': '%s'", s->key,
                     text_shown(n->text, 80));
        return;
    }
    values_list(&s->values[0], &held);
    report(&l->to, n->at, path, "the grid has no '%s' of %s; it has: %s", s->key,
           text_shown(n->type == NODE_SCALAR ? n->text : "this list", 80), text_shown(buf_chars(&held), 300));
    buf_release(&held);
}

static bool find_matches(struct loader *l, const struct slot *s, const struct node *n, const char *path,
                         struct condition *out)
{
    size_t *index = ARENA_SMALL(l->arena, s->label ? s->count : 1, size_t);
    out->index = index;
    if (s->type == SLOT_PART) {
        if (n->type != NODE_SCALAR) {
            report(&l->to, n->at, path, "must be the name of a block, not %s", node_type_name(n));
            return false;
        }
        out->count = match_part(s, n->text, index);
    } else {
        struct values v;
        if (!values_read(l, s->values[0].field, n, path, false, &v)) return false;
        out->count = match_value(s, v.value[0].text, index);
    }
    if (out->count == 0) no_match(l, s, n, path);
    return out->count > 0;
}

static size_t axis_of(const struct body *b, const struct slot *s)
{
    for (size_t i = 0; i < b->axes; i++)
        for (size_t j = 0; j < b->axis[i].slots; j++)
            if (b->axis[i].slot[j] == s) return i;
    return b->axes;
}

static bool has_index(const struct condition *c, size_t index)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->index[i] == index) return true;
    return false;
}

/* Two conditions on one axis (tied keys) hold where both do. */
static bool add_condition(struct rule *r, struct condition c)
{
    for (size_t i = 0; i < r->conditions; i++) {
        struct condition *have = &r->condition[i];
        if (have->axis != c.axis) continue;
        size_t kept = 0;
        for (size_t j = 0; j < have->count; j++)
            if (has_index(&c, have->index[j])) have->index[kept++] = have->index[j];
        have->count = kept;
        return kept > 0;
    }
    r->condition[r->conditions++] = c;
    return true;
}

static void unknown_key(struct loader *l, const struct body *b, const struct node_entry *e, const char *path)
{
    struct names known = { .count = 0 };
    for (size_t i = 0; i < b->slots; i++) names_add(&known, b->slot[i]->key);
    report_names(&l->to, e->key_at, path, e->key, "given", &known, "the grid does not give '%s'",
                 text_shown(e->key, 80));
}

static bool read_condition(struct loader *l, const struct body *b, struct rule *r, const struct node_entry *e,
                           const char *path)
{
    const struct slot *s = body_find(b, e->key);
    struct condition c = { 0 };
    if (!s) {
        unknown_key(l, b, e, path);
        return false;
    }
    path = value_path_key(l->arena, path, e->key);
    if (s->bad || !find_matches(l, s, e->value, path, &c)) return false;
    c.axis = axis_of(b, s);
    if (c.axis == b->axes || add_condition(r, c)) return true;
    report(&l->to, e->value->at, path, "no point of the grid has this together with the keys before it");
    return false;
}

static int by_axis(const void *a, const void *b)
{
    const struct condition *x = a, *y = b;
    return x->axis < y->axis ? -1 : x->axis > y->axis;
}

static void read_rule(struct loader *l, struct body *b, const struct node *n, const char *path)
{
    struct rule *r = &b->rule[b->rules];
    if (n->type != NODE_MAP || n->count == 0) {
        report(&l->to, n->at, path, "must be a map of keys and values");
        return;
    }
    r->condition = ARENA_SMALL(l->arena, n->count, struct condition);
    bool ok = true;
    for (size_t i = 0; i < n->count; i++) ok &= read_condition(l, b, r, &n->entry[i], path);
    if (!ok || b->bad) return;
    if (r->conditions == 0) {
        report(&l->to, n->at, path, "this excludes every point of the grid");
        return;
    }
    qsort(r->condition, r->conditions, sizeof *r->condition, by_axis);
    b->rules++;
}

void rules_read(struct loader *l, struct body *b, const struct node *n, const char *path)
{
    b->rule = ARENA_SMALL(l->arena, n->count, struct rule);
    for (size_t i = 0; i < n->count; i++) read_rule(l, b, n->entry[i].value, value_path_index(l->arena, path, i));
    b->unruly = b->rules < n->count;
    if (b->bad || rules_count(b, &b->points)) return;
    report(&l->to, n->at, path, "the entries overlap in too many ways to count what they leave");
    b->bad = true;
}

/* ---- applying ---- */

static const struct condition *condition_on(const struct rule *r, size_t axis)
{
    for (size_t i = 0; i < r->conditions; i++)
        if (r->condition[i].axis == axis) return &r->condition[i];
    return NULL;
}

size_t rules_filter(const struct body *b, size_t axis, size_t digit, const size_t *active, size_t count, size_t *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const struct rule *r = &b->rule[active[i]];
        const struct condition *c = condition_on(r, axis);
        if (c && !has_index(c, digit)) continue;
        if (r->condition[r->conditions - 1].axis <= axis) return SIZE_MAX;
        out[kept++] = active[i];
    }
    return kept;
}

struct counter {
    const struct body *body;
    struct arena scratch;
    size_t work;
};

enum { WORK_LIMIT = 20000000 };

struct pair {
    size_t digit, rule;
};

static int by_digit(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->digit != y->digit) return x->digit < y->digit ? -1 : 1;
    return x->rule < y->rule ? -1 : x->rule > y->rule;
}

/* Part the active rules into `common`, which ask nothing of this axis, and the positions that the others name. */
static size_t name_digits(struct counter *c, size_t axis, const size_t *active, size_t count, size_t *common,
                          size_t *commons, struct pair **out)
{
    size_t pairs = 0, n = 0;
    for (size_t i = 0; i < count; i++) {
        const struct condition *on = condition_on(&c->body->rule[active[i]], axis);
        if (!on) common[(*commons)++] = active[i];
        pairs += on ? on->count : 0;
    }
    struct pair *pair = *out = ARENA_NEW(&c->scratch, pairs, struct pair);
    for (size_t i = 0; i < count; i++) {
        const struct condition *on = condition_on(&c->body->rule[active[i]], axis);
        for (size_t j = 0; on && j < on->count; j++) pair[n++] = (struct pair){ on->index[j], active[i] };
    }
    qsort(pair, n, sizeof *pair, by_digit);
    return n;
}

static bool ends_at(const struct body *b, size_t rule, size_t axis)
{
    return b->rule[rule].condition[b->rule[rule].conditions - 1].axis == axis;
}

/* Points from this axis on that no active rule drops.  Positions that no rule names are counted at one stroke. */
static uint64_t count_kept(struct counter *c, size_t axis, const size_t *active, size_t count)
{
    if (count == 0) return axes_product(c->body, axis);
    struct arena_mark mark = arena_mark(&c->scratch);
    struct pair *pair;
    size_t *next = ARENA_NEW(&c->scratch, count, size_t), commons = 0, named = 0;
    size_t pairs = name_digits(c, axis, active, count, next, &commons, &pair);
    uint64_t total = 0;
    c->work += count + pairs;
    for (size_t i = 0, end; i < pairs && c->work <= WORK_LIMIT; i = end, named++) {
        size_t kept = commons;
        bool dropped = false;
        for (end = i; end < pairs && pair[end].digit == pair[i].digit; end++) {
            dropped |= ends_at(c->body, pair[end].rule, axis);
            next[kept++] = pair[end].rule;
        }
        if (!dropped) total = sweep_add_capped(total, count_kept(c, axis + 1, next, kept));
    }
    if (named < c->body->axis[axis].count && c->work <= WORK_LIMIT) {
        uint64_t rest = c->body->axis[axis].count - named;
        total = sweep_add_capped(total, sweep_mul_capped(rest, count_kept(c, axis + 1, next, commons)));
    }
    arena_rewind(&c->scratch, mark);
    return total;
}

bool rules_count(const struct body *b, uint64_t *points)
{
    struct counter c = { .body = b };
    size_t *all = ARENA_NEW(&c.scratch, b->rules, size_t);
    for (size_t i = 0; i < b->rules; i++) all[i] = i;
    *points = count_kept(&c, 0, all, b->rules);
    arena_release(&c.scratch);
    return c.work <= WORK_LIMIT;
}
