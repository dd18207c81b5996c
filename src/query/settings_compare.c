#include "query/settings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What settings differ in. */

const void *setting_value(const struct settings *s, size_t setting, size_t key)
{
    return s->record + setting * s->record_bytes + s->key[key].offset;
}

/* Parents of settings are never their descendants: settings.c breaks every circle. */
static size_t first_ancestor(const struct settings *s, size_t setting)
{
    while (s->setting[setting].parent != SIZE_MAX) setting = s->setting[setting].parent;
    return setting;
}

const void *setting_ancestor_value(const struct settings *s, size_t setting, size_t key)
{
    return setting_value(s, first_ancestor(s, setting), key);
}

void setting_print(struct buf *out, const struct column *key, const void *value)
{
    int64_t whole;
    double real;
    switch (key->type) {
    case COLUMN_I64:
        memcpy(&whole, value, sizeof whole);
        if (whole != COLUMN_NO_INT) buf_print(out, "%" PRId64, whole);
        break;
    case COLUMN_F64:
        memcpy(&real, value, sizeof real);
        if (real == real) buf_real(out, real);
        break;
    case COLUMN_TEXT: buf_add(out, value, strnlen(value, key->size)); break;
    case COLUMN_ENUM:
        for (size_t i = 0; key->names[i]; i++)
            if (i == *(const uint8_t *)value) buf_text(out, key->names[i]);
        break;
    default: break; /* no key is of another type */
    }
}

/* ---- names ---- */

const struct setting_name setting_name[SETTING_NAMES] = {
    { "task", offsetof(struct store_row, task), STORE_NAME },
    { "model", offsetof(struct store_row, model), STORE_NAME },
    { "training", offsetof(struct store_row, training), STORE_NAME },
    { "control", offsetof(struct store_row, control), sizeof((struct store_row *)0)->control },
};

size_t setting_owner(const char *key)
{
    for (size_t i = 0; i < SETTING_NAMES; i++) {
        const size_t length = strlen(setting_name[i].name);
        if (!strncmp(key, setting_name[i].name, length) && key[length] == '_') return i;
    }
    return SETTING_NAMES;
}

/* Settings in the order of one of their names, or of all of them (SETTING_NAMES). */
struct named {
    const struct store_row *first;
    size_t setting, name;
};

static int compare_name(const struct named *a, const struct named *b, size_t i)
{
    return strncmp((const char *)a->first + setting_name[i].offset, (const char *)b->first + setting_name[i].offset,
                   setting_name[i].size);
}

static int compare_named(const void *a, const void *b)
{
    const struct named *x = a;
    int order = 0;
    for (size_t i = 0; i < SETTING_NAMES && !order; i++)
        if (x->name == SETTING_NAMES || x->name == i) order = compare_name(a, b, i);
    return order;
}

static bool value_differs(const struct settings *s, size_t a, size_t b, size_t key)
{
    const struct column *c = &s->key[key];
    return memcmp(setting_value(s, a, key), setting_value(s, b, key), column_size(c->type, c->size)) != 0;
}

/* The keys of one owner, between settings with the same name of it. */
static void compare_owned(struct settings *s, struct named *order, size_t owner)
{
    for (size_t i = 0; i < s->settings; i++) order[i] = (struct named){ &s->setting[i].first, i, owner };
    qsort(order, s->settings, sizeof *order, compare_named);
    for (size_t key = 0; key < s->keys; key++)
        for (size_t i = 1; setting_owner(s->key[key].name) == owner && i < s->settings && !s->differs[key]; i++)
            s->differs[key] = !compare_named(&order[i - 1], &order[i]) &&
                              value_differs(s, order[i - 1].setting, order[i].setting, key);
}

/* ---- ancestors ---- */

struct alike {
    const struct settings *s;
    size_t setting;
};

static int compare_alike(const void *a, const void *b)
{
    const struct alike *x = a, *y = b;
    const struct setting *p = &x->s->setting[x->setting], *q = &y->s->setting[y->setting];
    int order = memcmp(setting_value(x->s, x->setting, 0), setting_value(y->s, y->setting, 0), x->s->record_bytes);
    if (!order) order = memcmp(p->first.control, q->first.control, sizeof p->first.control);
    if (!order) order = memcmp(p->first.t_asked, q->first.t_asked, sizeof p->first.t_asked);
    return order ? order : memcmp(&p->first.k, &q->first.k, sizeof p->first.k);
}

static void compare_ancestors(struct settings *s)
{
    struct alike *order = ARENA_NEW(&s->arena, s->settings + 1, struct alike);
    for (size_t i = 0; i < s->settings; i++) order[i] = (struct alike){ s, i };
    qsort(order, s->settings, sizeof *order, compare_alike);
    for (size_t i = 1; i < s->settings; i++) {
        if (compare_alike(&order[i - 1], &order[i]) != 0) continue;
        const size_t a = first_ancestor(s, order[i - 1].setting), b = first_ancestor(s, order[i].setting);
        for (size_t key = 0; key < s->keys; key++)
            if (value_differs(s, a, b, key)) s->ancestor_differs[key] = true;
    }
}

void settings_compare(struct settings *s)
{
    struct named *order = ARENA_NEW(&s->arena, s->settings + 1, struct named);
    s->differs = ARENA_NEW(&s->arena, s->keys + 1, bool);
    s->ancestor_differs = ARENA_NEW(&s->arena, s->keys + 1, bool);
    for (size_t owner = 0; owner <= SETTING_NAMES; owner++) compare_owned(s, order, owner);
    if (s->keys) compare_ancestors(s);
}
