#include "cli/kinds.h"
#include "job/plan.h"

#include <string.h>

/* sweeps/README.md: every word of a sweep file, with an example. */

static void indented(struct buf *b, const char *text, const char *indent)
{
    while (*text) {
        const size_t length = strcspn(text, "\n");
        if (length) buf_text(b, indent);
        buf_add(b, text, length + 1);
        text += length + 1;
    }
}

static void jobs(struct buf *b, const struct topic *t)
{
    buf_print(b, "%d job%s.\n", t->jobs, t->jobs == 1 ? "" : "s");
}

void kinds_topic(struct buf *b, const struct topic *t, const char *indent)
{
    indented(b, t->text, indent);
    buf_text(b, "\n");
    indented(b, t->example, indent);
    buf_print(b, "\n%s", indent);
    jobs(b, t);
}

/* A cell of a table: a bar would end it, and a star might begin something. */
static void cell(struct buf *b, const char *text)
{
    for (; *text; text++) {
        if (*text == '|' || *text == '*' || *text == '_') buf_text(b, "\\");
        buf_add(b, text, 1);
    }
}

static void row(struct buf *b, const struct field *f)
{
    struct buf allowed = { 0 };
    kinds_allowed(&allowed, f);
    buf_print(b, "| `%s` | ", f->key);
    cell(b, f->help);
    if (f->unit && f->unit[0] && strcmp(f->unit, "1")) buf_print(b, " [%s]", f->unit);
    buf_text(b, " | ");
    cell(b, allowed.length ? buf_chars(&allowed) : "a number");
    buf_text(b, " | ");
    cell(b, f->standard ? (f->standard[0] ? f->standard : "none") : "must be given");
    buf_text(b, " |\n");
    buf_release(&allowed);
}

static void table(struct buf *b, const struct field *fields)
{
    if (!fields || !fields->key) return;
    buf_text(b, "\n| key | is | allowed | default |\n|---|---|---|---|\n");
    for (const struct field *f = fields; f->key; f++) row(b, f);
}

static const struct kinds_section *find_section(const char *name)
{
    const struct kinds_section *s = kinds_sections;
    while (s->name && strcmp(s->name, name) != 0) s++;
    return s->name ? s : NULL;
}

static void topic(struct buf *b, const struct topic *t)
{
    const struct kinds_section *section = find_section(t->name);
    const struct field *key = field_find(plan_schema()->keys, t->name);
    buf_print(b, "\n### %s\n\n%s", t->name, t->text);
    if (section) table(b, kinds_fields(section));
    if (key) {
        const struct field one[] = { *key, FIELD_END };
        table(b, one);
    }
    buf_print(b, "\n```yaml\n%s```\n\n", t->example);
    jobs(b, t);
}

/* Keys as a list gives them, with what is meant where they are not given. */
static void part(struct buf *b, const struct kind *k)
{
    buf_print(b, "| `%s` | ", k->name);
    cell(b, k->summary);
    buf_text(b, " | ");
    for (const struct field *f = k->fields; f && f->key; f++) {
        struct buf allowed = { 0 };
        kinds_allowed(&allowed, f);
        buf_print(b, "%s`%s`: ", f == k->fields ? "" : "; ", f->key);
        cell(b, f->help);
        buf_text(b, " (");
        cell(b, buf_chars(&allowed));
        buf_print(b, "%s%s)", allowed.length ? "; " : "", f->standard ? f->standard : "must be given");
        buf_release(&allowed);
    }
    buf_text(b, " |\n");
}

static void kind(struct buf *b, const struct kind *k)
{
    buf_print(b, "\n### `%s`\n\n", k->name);
    cell(b, k->summary);
    buf_text(b, ".");
    if (k->source && k->source[0]) {
        buf_text(b, "  Source: ");
        cell(b, k->source);
        buf_text(b, ".");
    }
    buf_text(b, "\n");
    table(b, k->fields);
    if (!k->parts) return;
    buf_text(b, "\n| word | is | keys |\n|---|---|---|\n");
    for (size_t i = 0; k->parts()[i]; i++) part(b, k->parts()[i]);
}

void kinds_page(struct buf *b)
{
    buf_text(
        b,
        "# What a sweep file may say\n\n"
        "`tombola kinds --markdown` prints this page from the tables that read sweep files, and `tombola kinds NAME` "
        "a part of it.\n"
        "Every example is a whole file; `tombola plan` finds as many jobs in it as stand below.\n\n"
        "## Words\n");
    for (const struct topic *t = topics; t->name; t++) topic(b, t);
    buf_text(b, "\n## Kinds\n\nWhat a measure stores, and the tensors of a model, `tombola kinds NAME` says.\n");
    for (enum plugin sort = 0; sort < PLUGINS; sort++) {
        const struct kind *const *kinds = registry_kinds(sort);
        buf_print(b, "\n## %s\n", kinds_sort[sort]);
        for (size_t i = 0; kinds[i]; i++) kind(b, kinds[i]);
    }
}
