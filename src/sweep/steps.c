#include "base/number.h"
#include "base/text.h"
#include "sweep/private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number as mantissa * 10^-decimals, exactly as written. */
struct decimal {
    int64_t mantissa;
    int decimals;
};

enum { DECIMALS_MAX = 18 };
#define MANTISSA_MAX ((int64_t)1 << 61) /* differences of two still fit */

static bool scale(struct decimal *d, int decimals)
{
    for (; d->decimals < decimals; d->decimals++)
        if (__builtin_mul_overflow(d->mantissa, 10, &d->mantissa) || llabs(d->mantissa) > MANTISSA_MAX) return false;
    return true;
}

/* text is known to be a finite number (number_real). */
static bool decimal_parse(const char *text, struct decimal *out)
{
    bool minus = text[0] == '-', fraction = false;
    struct decimal d = { 0, 0 };
    const char *s = text + (text[0] == '-' || text[0] == '+');
    for (; *s && *s != 'e' && *s != 'E'; s++) {
        if (*s == '.') {
            fraction = true;
            continue;
        }
        d.mantissa = 10 * d.mantissa + (*s - '0');
        d.decimals += fraction;
        if (d.mantissa > MANTISSA_MAX / 10 || d.decimals > DECIMALS_MAX) return false;
    }
    long exponent = *s ? strtol(s + 1, NULL, 10) : 0;
    if (labs(exponent) > DECIMALS_MAX) return false;
    d.decimals -= (int)exponent;
    if (minus) d.mantissa = -d.mantissa;
    *out = d;
    return d.decimals <= DECIMALS_MAX && scale(out, 0);
}

/* Where the numbers of a range or a search are written. */
struct ends {
    const struct node *from, *to, *step;
};

static bool read_number(struct loader *l, const struct node *n, const char *key, const char *path,
                        struct decimal *out)
{
    double real;
    if (n->type != NODE_SCALAR || !number_real(n->text, &real)) {
        report(&l->to, n->at, path, "'%s' must be a number, not '%s'", key,
               text_shown(n->type == NODE_SCALAR ? n->text : node_type_name(n), 80));
        return false;
    }
    if (decimal_parse(n->text, out)) return true;
    report(&l->to, n->at, path, "'%s' is %s, which has too many digits for a range", key, text_shown(n->text, 80));
    return false;
}

static bool keys_known(struct loader *l, const struct node *map, const char *path, const struct names *known,
                       const char *what)
{
    bool ok = true;
    for (size_t i = 0; i < map->count; i++) {
        const struct node_entry *e = &map->entry[i];
        bool found = false;
        for (size_t j = 0; j < known->count; j++) found |= !strcmp(e->key, known->item[j]);
        if (found) continue;
        report_names(&l->to, e->key_at, path, e->key, "allowed", known, "unknown key '%s' in a %s",
                     text_shown(e->key, 80), what);
        ok = false;
    }
    return ok;
}

/* The value of a key that must be there; NULL: reported. */
static const struct node *need_key(struct loader *l, const struct node *map, const char *key, const char *path,
                                   const char *shape)
{
    const struct node_entry *e = node_find(map, key);
    if (!e) report(&l->to, map->at, path, "'%s' is missing; %s", key, shape);
    return e ? e->value : NULL;
}

static bool read_range(struct loader *l, const struct node *map, const char *path, struct ends *out)
{
    static const struct names known = { { "from", "to", "step" }, 3 };
    static const char shape[] = "a range is {from: a, to: b, step: s}";
    bool ok = keys_known(l, map, path, &known, "range");
    out->from = need_key(l, map, "from", path, shape);
    out->to = need_key(l, map, "to", path, shape);
    out->step = need_key(l, map, "step", path, shape);
    return ok && out->from && out->to && out->step;
}

static bool read_goal(struct loader *l, const struct node *map, const char *path, struct values *out)
{
    const struct node_entry *until = node_find(map, "until");
    struct names known = { .count = 0 };
    out->goal = l->schema->goals[0];
    if (!until) return true;
    const char *word = until->value->type == NODE_SCALAR ? until->value->text : "";
    for (size_t i = 0; l->schema->goals[i]; i++) {
        names_add(&known, l->schema->goals[i]);
        out->goal = l->schema->goals[i];
        if (!strcmp(word, out->goal)) return true;
    }
    report_names(&l->to, until->value->at, path, word, "allowed", &known, "'until' is '%s'", text_shown(word, 80));
    return false;
}

static bool read_search(struct loader *l, const struct node *map, const char *path, struct ends *out,
                        struct values *v)
{
    static const struct names known = { { "search", "step", "until" }, 3 };
    const struct node *ends = node_find(map, "search")->value;
    if (!l->schema->searched || strcmp(v->field->key, l->schema->searched) != 0) {
        report(&l->to, map->at, path, "'%s' cannot be searched%s%s", v->field->key,
               l->schema->searched ? ", only " : "", l->schema->searched ? l->schema->searched : "");
        return false;
    }
    bool ok = keys_known(l, map, path, &known, "search");
    out->step = need_key(l, map, "step", path, "a search is {search: [low, high], step: s, until: goal}");
    ok &= read_goal(l, map, path, v);
    if (ends->type != NODE_LIST || ends->count != 2) {
        report(&l->to, ends->at, path, "'search' must be the two ends, [low, high]");
        return false;
    }
    out->from = ends->entry[0].value;
    out->to = ends->entry[1].value;
    return ok && out->step;
}

/* Rounding of neighbours to one double, or to one whole number, would be a lie: the ends and the first step are
 * tried. Every field that takes numbers takes an interval of them, so that what lies between is taken too. */
static bool ends_fit(struct loader *l, const struct ends *ends, const struct values *v)
{
    const size_t tried[] = { 0, v->count > 1 ? 1 : 0, v->count - 1 };
    const struct node *const blamed[] = { ends->from, ends->step, ends->to };
    for (size_t i = 0; i < ARRAY_LEN(tried); i++) {
        char text[48];
        struct buf out = { 0 };
        struct err e = { 0 };
        steps_text(&v->steps, tried[i], text);
        int rc = canonical_value(v->field, text, &out, &e);
        buf_release(&out);
        if (rc == 0) continue;
        report(&l->to, blamed[i]->at, v->path, "%s", e.text);
        return false;
    }
    return true;
}

static bool takes_numbers(const struct field *f)
{
    return field_is_whole(f) || f->type == FIELD_REAL || f->type == FIELD_CODE || field_is_own(f);
}

static bool count_steps(struct loader *l, const struct node *map, const struct ends *ends, struct decimal to,
                        struct values *v)
{
    int64_t span = to.mantissa - v->steps.from;
    if (v->steps.step == 0)
        report(&l->to, ends->step->at, v->path, "'step' is 0; a range must move");
    else if (v->goal && (span <= 0 || v->steps.step < 0))
        report(&l->to, ends->from->at, v->path, "a search goes up, from a low value to a high one");
    else if (span && (span > 0) != (v->steps.step > 0))
        report(&l->to, ends->step->at, v->path, "'step' is %s, which leads away from 'to' (%s)",
               text_shown(ends->step->text, 80), text_shown(ends->to->text, 80));
    else if (span / v->steps.step >= RANGE_LIMIT)
        report(&l->to, map->at, v->path, "a range of %lld values; at most %d are allowed",
               (long long)(span / v->steps.step + 1), RANGE_LIMIT);
    else {
        v->count = (size_t)(span / v->steps.step) + 1;
        return true;
    }
    return false;
}

bool steps_read(struct loader *l, const struct field *f, const struct node *n, const char *path, struct values *out)
{
    struct decimal from, to, step;
    if (!takes_numbers(f)) {
        report(&l->to, n->at, path, "'%s' is no number: it takes one value or a list, not a map", f->key);
        return false;
    }
    struct ends ends;
    *out = (struct values){ .field = f, .path = path, .at = n->at };
    if (node_find(n, "search") ? !read_search(l, n, path, &ends, out) : !read_range(l, n, path, &ends)) return false;
    bool ok = read_number(l, ends.from, out->goal ? "search" : "from", path, &from);
    ok &= read_number(l, ends.to, out->goal ? "search" : "to", path, &to);
    ok &= read_number(l, ends.step, "step", path, &step);
    if (!ok) return false;
    int decimals = from.decimals > to.decimals ? from.decimals : to.decimals;
    if (step.decimals > decimals) decimals = step.decimals;
    if (!scale(&from, decimals) || !scale(&to, decimals) || !scale(&step, decimals)) {
        report(&l->to, n->at, path, "'from', 'to' and 'step' have too many digits together");
        return false;
    }
    out->steps = (struct steps){ from.mantissa, step.mantissa, decimals };
    return count_steps(l, n, &ends, to, out) && ends_fit(l, &ends, out);
}

void steps_text(const struct steps *s, size_t i, char out[48])
{
    int64_t value = s->from + (int64_t)i * s->step;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    char digit[48];
    int n = 0;
    for (int place = 0; rest > 0 || place <= s->decimals; place++, rest /= 10) {
        if (place == s->decimals && place > 0) digit[n++] = '.';
        digit[n++] = (char)('0' + rest % 10);
    }
    if (value < 0) *out++ = '-';
    while (n > 0) *out++ = digit[--n];
    *out = '\0';
}

size_t steps_find(const struct values *v, const char *canonical)
{
    double value;
    if (!number_real(canonical, &value)) return SIZE_MAX;
    double i = round((value * pow(10, v->steps.decimals) - (double)v->steps.from) / (double)v->steps.step);
    if (!(i >= 0 && i < (double)v->count)) return SIZE_MAX;
    struct buf found = { 0 };
    struct err e = { 0 };
    char text[48];
    steps_text(&v->steps, (size_t)i, text);
    const bool same = !canonical_value(v->field, text, &found, &e) && !strcmp(buf_chars(&found), canonical);
    buf_release(&found);
    return same ? (size_t)i : SIZE_MAX;
}
