#include "base/json.h"
#include "base/text.h"
#include "base/vec.h"
#include "cli/status.h"

#include <string.h>

/* Measures that jobs were to have, and that the program which trained them could not compute: the about text of their
 * family has a line "absent=NAME KIND OPTIONS" for each. */

static const char head[] = "absent=";

static const char *next_line(const char *about)
{
    const char *found = strncmp(about, head, strlen(head)) ? strstr(about, "\nabsent=") : about;
    return found ? found + (*found == '\n') + strlen(head) : NULL;
}

/* Was it computed later? */
static bool is_made_up(struct store *store, const struct store_row *r, const char *name, const char *line)
{
    struct buf path = { 0 }, about = { 0 };
    buf_print(&path, "measures/%s", name);
    buf_print(&about, "measure=%s\n", line);
    const char *have = store_annex_about(store, (size_t)r->family, buf_chars(&path));
    const bool made = have && strstr(have, buf_chars(&about)) && store_annex_done(store, r, buf_chars(&path));
    buf_release(&path);
    buf_release(&about);
    return made;
}

static void count_one(struct status *s, const char *line, const char *name)
{
    size_t i = 0;
    while (i < s->missings && strcmp(s->missing[i].line, line) != 0) i++;
    if (i == s->missings)
        *VEC_MORE_IN(&s->arena, s->missing, s->missings) = (struct status_missing){ .line = line, .name = name };
    s->missing[i].jobs++;
}

void status_find_missing(struct status *s, struct store *store)
{
    for (size_t i = 0; i < s->rows; i++) {
        const struct store_row *r = &s->row[i];
        if (r->state != JOB_DONE) continue;
        for (const char *at = next_line(store_family(store, (size_t)r->family)->about); at; at = next_line(at)) {
            const size_t length = strcspn(at, "\n");
            struct arena_mark m = arena_mark(&s->arena);
            const char *line = arena_text(&s->arena, at, length);
            const char *name = arena_text(&s->arena, line, strcspn(line, " "));
            if (is_made_up(store, r, name, line))
                arena_rewind(&s->arena, m);
            else
                count_one(s, line, name);
        }
    }
}

void status_print_missing(const struct status *s, struct buf *out)
{
    if (!s->missings) return;
    buf_text(out, "\nmissing, for the program that trained these jobs cannot compute it:\n");
    for (size_t i = 0; i < s->missings; i++)
        buf_print(out, "  measure '%s' of %zu job%s\n", text_shown(s->missing[i].name, 80), s->missing[i].jobs,
                  s->missing[i].jobs == 1 ? "" : "s");
    buf_print(out,
              "`tombola measure %s SWEEP.yaml`, or run again, of a program that has it makes it up from the "
              "checkpoints\n",
              text_shell(s->path));
}

void status_json_missing(const struct status *s, struct buf *out)
{
    json_open(out, "missing_measures", '[');
    for (size_t i = 0; i < s->missings; i++) {
        json_open(out, NULL, '{');
        json_text(out, "measure", s->missing[i].name);
        json_count(out, "jobs", s->missing[i].jobs);
        json_close(out, '}');
    }
    json_close(out, ']');
}
