#include "job/measures.h"

#include <string.h>

/* What the store says of the measures of a job. */

static bool says(const char *about, const struct watch_measure *m)
{
    struct buf line = { 0 };
    measure_print(m, &line);
    const char *found = about ? strstr(about, buf_chars(&line)) : NULL;
    buf_release(&line);
    return found && (found == about || found[-1] == '\n');
}

bool measure_recorded(const struct store *s, size_t family, const struct watch_measure *m)
{
    return says(store_family(s, family)->about, m);
}

bool measure_held(struct store *s, const struct store_row *r, const struct watch_measure *m)
{
    struct arena a = { 0 };
    const size_t family = (size_t)r->family;
    const char *path = measure_path(m, &a);
    const bool held = measure_recorded(s, family, m) ||
                      (says(store_annex_about(s, family, path), m) && store_annex_done(s, r, path));
    arena_release(&a);
    return held;
}
