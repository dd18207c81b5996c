#include "cli/status.h"

#include <stdio.h>
#include <string.h>

/* How a setting is called: by what differs between settings. */

static const char *const taken[] = { "kind", "k", "t",
                                     "seed" }; /* these mean something else, or nothing, by themselves */

static const char *without_prefix(const char *name)
{
    const size_t owner = setting_owner(name);
    return owner == SETTING_NAMES ? name : name + strlen(setting_name[owner].name) + 1;
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

const char *status_name_of(const struct setting *g, size_t name)
{
    return (const char *)&g->first + setting_name[name].offset;
}

bool status_name_differs(const struct settings *s, size_t name)
{
    for (size_t i = 1; i < s->settings; i++)
        if (strncmp(status_name_of(&s->setting[0], name), status_name_of(&s->setting[i], name),
                    setting_name[name].size) != 0)
            return true;
    return false;
}

void status_say_names(struct buf *out, const struct settings *s, size_t setting)
{
    for (size_t i = 0; i < 3; i++)
        if (status_name_differs(s, i))
            buf_print(out, " %s=%.*s", setting_name[i].name, (int)setting_name[i].size,
                      status_name_of(&s->setting[setting], i));
}
