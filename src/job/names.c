#include "job/registry.h"

#include <string.h>

enum { NAMES = 32 };

const char *const *registry_names(enum plugin sort)
{
    static const char *names[PLUGINS][NAMES + 1];
    const struct kind *const *kinds = registry_kinds(sort);
    for (size_t i = 0; kinds[i]; i++) {
        MUST(i < NAMES);
        names[sort][i] = kinds[i]->name;
    }
    return names[sort];
}

const struct kind *registry_find(enum plugin sort, const char *name)
{
    const struct kind *const *kinds = registry_kinds(sort);
    for (size_t i = 0; kinds[i]; i++)
        if (!strcmp(kinds[i]->name, name)) return kinds[i];
    return NULL;
}
