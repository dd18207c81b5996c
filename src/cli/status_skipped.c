#include "cli/status.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* What was skipped, and why: a line a reason, which names what differs; rates and seeds that share it stand in one.
 */

enum { LINES = 256, SHOWN = 20 };

struct line {
    const struct store_row *row;
    size_t setting;
    struct buf rates, seeds;
    bool joined; /* another line says it */
};

static bool same_text(const char *a, const char *b, size_t size)
{
    return !strncmp(a, b, size);
}

/* All but the rate and the seed. */
static bool same_reason(const struct settings *s, const struct line *a, const struct line *b)
{
    const struct setting *p = &s->setting[a->setting], *q = &s->setting[b->setting];
    return p->parent == q->parent && same_text(a->row->control, b->row->control, sizeof a->row->control) &&
           same_text(a->row->t_asked, b->row->t_asked, sizeof a->row->t_asked) &&
           same_text(a->row->error, b->row->error, sizeof a->row->error) &&
           (!s->keys || !memcmp(setting_value(s, a->setting, 0), setting_value(s, b->setting, 0), s->record_bytes));
}

static void add_rate(struct line *line, double k)
{
    if (!isnan(k)) buf_print(&line->rates, line->rates.length ? ", %g" : "%g", k);
}

/* False: there are too many. */
static bool add_row(const struct status *s, struct line *line, size_t *lines, size_t row)
{
    const struct line seen = { .row = &s->row[row], .setting = s->results.of[row] };
    size_t i = 0;
    if (seen.setting == SIZE_MAX) return true;
    while (i < *lines && !(line[i].row->seed == seen.row->seed && same_reason(&s->results, &line[i], &seen))) i++;
    if (i == LINES) return false;
    if (i == *lines) {
        line[i] = seen;
        buf_print(&line[i].seeds, "%" PRId64, seen.row->seed);
        ++*lines;
    }
    add_rate(&line[i], seen.row->k);
    return true;
}

static void join_seeds(const struct settings *s, struct line *line, size_t lines)
{
    for (size_t i = 0; i < lines; i++)
        for (size_t j = 0; j < i && !line[i].joined; j++) {
            if (line[j].joined || strcmp(buf_chars(&line[i].rates), buf_chars(&line[j].rates)) != 0 ||
                !same_reason(s, &line[i], &line[j]))
                continue;
            buf_print(&line[j].seeds, ", %s", buf_chars(&line[i].seeds));
            line[i].joined = true;
        }
}

static void print_line(struct buf *out, const struct settings *s, const struct line *line)
{
    const struct store_row *r = line->row;
    buf_print(out, "  %.*s", (int)sizeof r->control, r->control);
    if (r->t_asked[0]) buf_print(out, " t %.*s", (int)sizeof r->t_asked, r->t_asked);
    if (line->rates.length) buf_print(out, " k %s", line->rates.bytes);
    status_say_names(out, s, line->setting);
    status_say_keys(out, s, line->setting);
    buf_print(out, " seed%s %s  %.*s\n", strchr(line->seeds.bytes, ',') ? "s" : "", line->seeds.bytes,
              (int)sizeof r->error, r->error);
}

void status_skipped(const struct status *s, struct buf *out)
{
    static struct line line[LINES];
    size_t lines = 0, shown = 0;
    bool all = true;
    for (size_t row = 0; row < s->rows && all; row++)
        if (s->row[row].state == JOB_SKIPPED) all = add_row(s, line, &lines, row);
    join_seeds(&s->results, line, lines);
    if (lines) buf_text(out, "\nskipped, which is an answer:\n");
    for (size_t i = 0; i < lines; i++) {
        if (!line[i].joined && shown < SHOWN)
            print_line(out, &s->results, &line[i]);
        else
            all = all && line[i].joined;
        shown += !line[i].joined;
        buf_release(&line[i].rates);
        buf_release(&line[i].seeds);
    }
    if (!all) buf_print(out, "  only the first %d lines; `tombola query` shows all\n", SHOWN);
}
