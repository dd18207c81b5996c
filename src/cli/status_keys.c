#include "cli/status.h"

#include <stdio.h>
#include <string.h>

/* How a setting is called: by what differs between settings. */

static const char *const prefixes[] = { "task_", "model_", "training_", "control_" };
static const char *const taken[] = { "kind", "k", "t",
                                     "seed" }; /* these mean something else, or nothing, by themselves */

static const char *without_prefix(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (!strncmp(name, prefixes[i], strlen(prefixes[i]))) return name + strlen(prefixes[i]);
    return name;
}

static bool is_shown(const struct settings *s, size_t key)
{
    return s->differs[key] || s->ancestor_differs[key];
}

const char *status_key_name(const struct settings *s, size_t key)
{
    const char *name = s->key[key].name, *brief = without_prefix(name);
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        if (!strcmp(brief, taken[i])) return name;
    for (size_t i = 0; i < s->keys; i++)
        if (i != key && is_shown(s, i) && !strcmp(brief, without_prefix(s->key[i].name))) return name;
    return brief;
}

static void add_key(struct buf *out, const struct settings *s, size_t key, const char *of, const void *value)
{
    struct buf text = { 0 };
    setting_print(&text, &s->key[key], value);
    if (text.length) buf_print(out, " %s%s=%s", of, status_key_name(s, key), buf_chars(&text));
    buf_release(&text);
}

void status_say_keys(struct buf *out, const struct settings *s, size_t setting)
{
    for (size_t i = 0; i < s->keys; i++)
        if (s->differs[i]) add_key(out, s, i, "", setting_value(s, setting, i));
    for (size_t i = 0; i < s->keys; i++)
        if (s->ancestor_differs[i]) add_key(out, s, i, "parent_", setting_ancestor_value(s, setting, i));
}

const struct status_name status_name[] = {
    { "task", offsetof(struct store_row, task), STORE_NAME },
    { "model", offsetof(struct store_row, model), STORE_NAME },
    { "training", offsetof(struct store_row, training), STORE_NAME },
    { "control", offsetof(struct store_row, control), sizeof((struct store_row *)0)->control },
    { NULL, 0, 0 },
};

const char *status_name_of(const struct setting *g, size_t name)
{
    return (const char *)&g->first + status_name[name].offset;
}

bool status_name_differs(const struct settings *s, size_t name)
{
    for (size_t i = 1; i < s->settings; i++)
        if (strncmp(status_name_of(&s->setting[0], name), status_name_of(&s->setting[i], name),
                    status_name[name].size) != 0)
            return true;
    return false;
}

void status_say_names(struct buf *out, const struct settings *s, size_t setting)
{
    for (size_t i = 0; i < 3; i++)
        if (status_name_differs(s, i))
            buf_print(out, " %s=%.*s", status_name[i].name, (int)status_name[i].size,
                      status_name_of(&s->setting[setting], i));
}
