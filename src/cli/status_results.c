#include "base/text.h"
#include "base/text_table.h"
#include "cli/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The table of results: a line a setting, and of its columns those that differ. */

enum { MOST = 64, EPOCH_DIGITS = 12 };

struct shown {
    bool name[SETTING_NAMES], t, k;
    bool setting; /* two lines are told apart by nothing else: by a parent between them and their first ancestors */
};

/* In all that has a column. */
static bool look_alike(const struct settings *s, size_t a, size_t b)
{
    const struct store_row *x = &s->setting[a].first, *y = &s->setting[b].first;
    bool alike = !memcmp(x->t_asked, y->t_asked, sizeof x->t_asked) && (x->k == y->k || (isnan(x->k) && isnan(y->k)));
    for (size_t n = 0; n < SETTING_NAMES && alike; n++)
        alike = !strncmp(status_name_of(&s->setting[a], n), status_name_of(&s->setting[b], n), setting_name[n].size);
    if (!alike || !s->keys) return alike;
    return !memcmp(setting_value(s, a, 0), setting_value(s, b, 0), s->record_bytes) &&
           !memcmp(setting_ancestor_value(s, a, 0), setting_ancestor_value(s, b, 0), s->record_bytes);
}

static struct shown find_shown(const struct settings *s)
{
    struct shown shown = { .name = { [3] = true } };
    for (size_t i = 0; i < 3; i++) shown.name[i] = status_name_differs(s, i);
    for (size_t i = 0; i < s->settings; i++) {
        shown.t |= s->setting[i].first.t_asked[0] != '\0';
        shown.k |= !isnan(s->setting[i].first.k);
        for (size_t j = 0; j < i && i < MOST; j++) shown.setting |= look_alike(s, i, j);
    }
    return shown;
}

static void add_head(struct text_table *t, const char *name, bool left)
{
    t->left[t->columns++] = left;
    text_table_cell(t, "%s", name);
}

static void add_heads(struct text_table *t, const struct settings *s, const struct shown *shown)
{
    struct buf name = { 0 };
    for (size_t i = 0; i < SETTING_NAMES; i++)
        if (shown->name[i]) add_head(t, setting_name[i].name, true);
    if (shown->t) add_head(t, "t", false);
    if (shown->k) add_head(t, "k", false);
    for (size_t i = 0; i < s->keys; i++)
        if (s->differs[i]) add_head(t, status_key_name(s, i), false);
    for (size_t i = 0; i < s->keys; i++) {
        if (!s->ancestor_differs[i]) continue;
        buf_clear(&name);
        buf_print(&name, "parent_%s", status_key_name(s, i));
        add_head(t, buf_chars(&name), false);
    }
    if (shown->setting) add_head(t, "setting", true);
    add_head(t, "done", false);
    add_head(t, "t_mem", false);
    add_head(t, "t_gen", false);
    add_head(t, "tau_grok", false);
    buf_release(&name);
}

static void value_cell(struct text_table *t, const struct column *key, const void *value)
{
    struct buf text = { 0 };
    setting_print(&text, key, value);
    text_table_cell(t, "%s", text.length ? buf_chars(&text) : "-");
    buf_release(&text);
}

/* "2185 (7 of 8)": who is not among them is never left out without a word, and "7 of 8, 1 open" who ended before. */
static void median_cell(struct text_table *t, double value, int digits, size_t reached, const struct setting *g,
                        enum setting_late which)
{
    char some[64] = "", open[32] = "";
    if (g->unknown[which]) MUST(text_print(open, sizeof open, ", %zu open", g->unknown[which]));
    if ((reached > 0 && reached < g->done) || open[0])
        MUST(text_print(some, sizeof some, " (%zu of %zu%s)", reached, g->done, open));
    if (!isnan(g->above[which]))
        text_table_cell(t, ">%.*g%s", digits, g->above[which], some);
    else if (isnan(value))
        text_table_cell(t, "-%s", some);
    else if (isinf(value))
        text_table_cell(t, "never%s", some);
    else
        text_table_cell(t, "%.*g%s", digits, value, some);
}

static void add_cells(struct text_table *t, const struct settings *s, const struct shown *shown, size_t i)
{
    const struct setting *g = &s->setting[i];
    for (size_t n = 0; n < SETTING_NAMES; n++)
        if (shown->name[n]) text_table_cell(t, "%.*s", (int)setting_name[n].size, status_name_of(g, n));
    if (shown->t)
        text_table_cell(t, "%.*s", (int)sizeof g->first.t_asked, g->first.t_asked[0] ? g->first.t_asked : "-");
    if (shown->k) text_table_real(t, g->first.k, 6);
    for (size_t key = 0; key < s->keys; key++)
        if (s->differs[key]) value_cell(t, &s->key[key], setting_value(s, i, key));
    for (size_t key = 0; key < s->keys; key++)
        if (s->ancestor_differs[key]) value_cell(t, &s->key[key], setting_ancestor_value(s, i, key));
    if (shown->setting) text_table_cell(t, "%.8s", g->first.id);
    text_table_cell(t, "%zu/%zu", g->done, g->jobs);
    median_cell(t, g->t_mem, EPOCH_DIGITS, g->memorised, g, SETTING_MEM);
    median_cell(t, g->t_gen, EPOCH_DIGITS, g->generalised, g, SETTING_GEN);
    median_cell(t, g->tau_grok, 4, g->finite_ratios, g, SETTING_TAU);
}

/* What all have in common stands above, where it takes no column. */
static void add_common(struct buf *b, const struct settings *s, const struct shown *shown)
{
    const char *between = " (";
    for (size_t i = 0; i < 3; i++) {
        if (shown->name[i]) continue;
        buf_print(b, "%s%s %.*s", between, setting_name[i].name, (int)setting_name[i].size,
                  status_name_of(&s->setting[0], i));
        between = ", ";
    }
    if (between[0] == ',') buf_text(b, ")");
}

static bool has_open(const struct settings *s)
{
    bool open = false;
    for (size_t i = 0; i < s->settings; i++)
        for (size_t k = 0; k < SETTING_LATE; k++) open |= s->setting[i].unknown[k] > 0;
    return open;
}

void status_results(const struct settings *s, const char *path, size_t columns, struct buf *out)
{
    const struct shown shown = find_shown(s);
    struct text_table t = { .columns = 0 };
    if (!s->settings) return;
    add_heads(&t, s, &shown);
    for (size_t i = 0; i < s->settings && i < MOST; i++) add_cells(&t, s, &shown, i);
    buf_text(out, "\nresults, a line a setting");
    add_common(out, s, &shown);
    buf_text(out, ":\nmedians over its seeds that are done; never is later than every number\n");
    if (has_open(s)) buf_text(out, "open: ended by a stop rule before, so that it is not known whether they get there; >N: later than N\n");
    if (columns) text_table_fit(&t, columns, 4); /* what came of it */
    text_table_print(&t, out);
    if (s->settings > MOST) buf_print(out, "only the first %d of %zu; --json has all\n", MOST, s->settings);
    buf_print(out, "every seed: python3 analysis/table.py %s; in SQL: the table `settings` of `tombola query`\n",
              text_shell(path));
    text_table_release(&t);
}
