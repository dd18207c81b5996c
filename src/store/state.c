#include "store/state.h"

#include <string.h>

const char *store_path(const struct store *s)
{
    return s->disk.path;
}

size_t store_rows(const struct store *s)
{
    return (size_t)s->control.rows;
}

size_t store_spec_size(const struct store *s)
{
    return s->form.spec_size;
}

const struct column *store_spec_columns(const struct store *s)
{
    return s->form.spec;
}

const char *store_attribute(const struct store *s, const char *name)
{
    for (const struct attribute *a = s->attribute; a; a = a->next)
        if (!strcmp(a->name, name)) return a->text;
    return "";
}
