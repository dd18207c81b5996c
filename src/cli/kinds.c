#include "cli/kinds.h"
#include "base/field.h"
#include "base/intern.h"
#include "base/json.h"
#include "base/output.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/topics.h"
#include "job/inputs.h"
#include "job/keys.h"
#include "job/plan.h"
#include "job/registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Everything that a sweep file may say, printed from the tables that read it. */

static void print_field(struct buf *b, const struct field *f)
{
    struct buf allowed = { 0 };
    kinds_allowed(&allowed, f);
    buf_print(b, "    %-14s %s", f->key, f->help);
    if (f->unit && f->unit[0] && strcmp(f->unit, "1")) buf_print(b, " [%s]", f->unit);
    buf_print(b, "\n    %-14s %s%s; default: %s\n", "", allowed.length ? "allowed: " : "a number",
              buf_chars(&allowed), f->standard ? (f->standard[0] ? f->standard : "none") : "must be given");
    buf_release(&allowed);
}

static void print_fields(struct buf *b, const struct field *fields)
{
    for (const struct field *f = fields; f && f->key; f++) print_field(b, f);
}

static void print_control(struct buf *b, const char *name)
{
    const unsigned uses = registry_control(name)->uses;
    for (const struct job_key *key = job_keys; key->field.key; key++)
        if (key->takes && key->uses & uses) buf_print(b, "    %-14s %s\n", key->field.key, key->takes);
}

static void print_measure(struct buf *b, const char *name)
{
    for (const struct measure_column *c = registry_measure(name)->columns; c->name; c++)
        buf_print(b, "    -> measures/%s/%s%s%s%s: %s [%s]\n", name, c->name, c->axes ? " (" : "",
                  c->axes ? c->axes : "", c->axes ? ")" : "", c->help, c->unit);
}

/* Why this program cannot compute it; NULL: it can. */
static const char *missing(enum plugin sort, const char *name)
{
    return sort == PLUGIN_MEASURE ? registry_measure(name)->missing : NULL;
}

/* What `init: {file: ...}` must hold, for the default sizes on a task with 67 symbols. */
static void print_model(struct buf *b, const struct kind *k)
{
    _Alignas(16) char config[CONFIG_BYTES] = { 0 };
    const struct task_shape shape = { .n_train = 1, .n_test = 1, .width = 2, .vocabulary = 67, .classes = 67 };
    struct layout layout = { 0 };
    struct err e = { 0 };
    field_defaults(k->fields, config);
    if (registry_model(k->name)->layout(config, &shape, &layout, &e)) return;
    buf_text(b, "    datasets of `init`, here for the defaults and 67 symbols:");
    for (int i = 0; i < layout.count; i++) {
        buf_print(b, "%s init/%s [", i ? "," : "", layout.tensor[i].name);
        for (int d = 0; d < layout.tensor[i].rank; d++)
            buf_print(b, "%s%" PRId64, d ? ", " : "", layout.tensor[i].dim[d]);
        buf_text(b, "]");
    }
    buf_text(b, "\n");
}

static void print_parts(struct buf *b, const struct kind *k)
{
    for (size_t i = 0; k->parts()[i]; i++) buf_print(b, "%s%s", i ? ", " : "    made of: ", k->parts()[i]->name);
    buf_print(b, "; `tombola kinds %s/%s` explains one\n", k->name, k->parts()[0]->name);
}

/* "net/dense" */
static const char *part_name(const struct kind *k, size_t i)
{
    struct buf name = { 0 };
    buf_print(&name, "%s/%s", k->name, k->parts()[i]->name);
    const char *kept = intern(buf_chars(&name));
    buf_release(&name);
    return kept;
}

static size_t print_part(struct buf *b, const struct kind *k, const char *name)
{
    size_t found = 0;
    for (size_t i = 0; k->parts && k->parts()[i]; i++) {
        const struct kind *part = k->parts()[i];
        if (strcmp(name, part_name(k, i)) != 0) continue;
        buf_print(b, "part of %s: %s: %s\n", k->name, part->name, part->summary);
        if (part->source[0]) buf_print(b, "    source: %s\n", part->source);
        print_fields(b, part->fields);
        buf_text(b, "\n");
        found++;
    }
    return found;
}

static void print_kind(struct buf *b, enum plugin sort, const struct kind *k)
{
    buf_print(b, "%s %s: %s\n", kinds_sort[sort], k->name, k->summary);
    if (missing(sort, k->name)) buf_print(b, "    not in this program: %s\n", missing(sort, k->name));
    if (k->source && k->source[0]) buf_print(b, "    source: %s\n", k->source);
    print_fields(b, k->fields);
    if (k->parts) print_parts(b, k);
    if (sort == PLUGIN_MODEL) print_model(b, k);
    if (sort == PLUGIN_CONTROL) print_control(b, k->name);
    if (sort == PLUGIN_MEASURE) print_measure(b, k->name);
    buf_text(b, "\n");
}

enum { NAMES = 256 };

static const struct topic *find_topic(const char *name)
{
    const struct topic *t = topics;
    while (t->name && strcmp(t->name, name) != 0) t++;
    return t->name ? t : NULL;
}

static size_t print_topic(struct buf *b, const char *name)
{
    const struct topic *t = find_topic(name);
    const struct field *key = field_find(plan_schema()->keys, name);
    if (!t && !key) return 0;
    buf_print(b, "in a sweep file: %s\n", name);
    if (key) print_field(b, key);
    if (t) kinds_topic(b, t, "    ");
    buf_text(b, "\n");
    return 1;
}

static size_t print_topics(struct buf *b)
{
    const char *before = "in a sweep file, each with an example (`tombola kinds zip`):";
    for (const struct topic *t = topics; t->name; t++) {
        buf_print(b, "%s %s", before, t->name);
        before = ",";
    }
    buf_text(b, "\n");
    return 1;
}

static size_t print_matching(struct buf *b, const char *name)
{
    size_t found = 0;
    for (enum plugin sort = 0; sort < PLUGINS; sort++) {
        const struct kind *const *kinds = registry_kinds(sort);
        for (size_t i = 0; kinds[i]; i++) {
            if (name) found += print_part(b, kinds[i], name);
            if (name && strcmp(name, kinds[i]->name) && strcmp(name, kinds_sort[sort])) continue;
            print_kind(b, sort, kinds[i]);
            found++;
        }
    }
    for (const struct kinds_section *s = kinds_sections; s->name; s++) {
        if (name && strcmp(name, s->name)) continue;
        buf_print(b, "section %s: %s\n", s->name, s->summary);
        print_fields(b, kinds_fields(s));
        buf_text(b, "\n");
        found++;
    }
    return name ? found + print_topic(b, name) : found + print_topics(b);
}

/* A name may be that of a kind, a section and a topic. */
static size_t add_name(const char *names[NAMES + 1], size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(names[i], name)) return count;
    MUST(count < NAMES);
    names[count] = name;
    return count + 1;
}

const char *const *kinds_names(void)
{
    static const char *names[NAMES + 1];
    size_t count = 0;
    for (enum plugin sort = 0; sort < PLUGINS; sort++)
        for (size_t i = 0; registry_kinds(sort)[i]; i++) {
            MUST(count < NAMES / 2);
            names[count++] = registry_kinds(sort)[i]->name;
            const struct kind *k = registry_kinds(sort)[i];
            for (size_t j = 0; k->parts && k->parts()[j]; j++) names[count++] = part_name(k, j);
        }
    for (enum plugin sort = 0; sort < PLUGINS; sort++) count = add_name(names, count, kinds_sort[sort]);
    for (const struct kinds_section *s = kinds_sections; s->name; s++) count = add_name(names, count, s->name);
    for (const struct topic *t = topics; t->name; t++) count = add_name(names, count, t->name);
    names[count] = NULL;
    return names;
}

/* A key of whatever has one of that name. */
static bool print_keys(struct buf *b, const char *name)
{
    const size_t before = b->length;
    for (const struct kinds_section *s = kinds_sections; s->name; s++)
        for (const struct field *f = kinds_fields(s); f && f->key; f++)
            if (!strcmp(f->key, name)) {
                buf_print(b, "key of %s:\n", s->name);
                print_field(b, f);
            }
    for (enum plugin sort = 0; sort < PLUGINS; sort++)
        for (size_t i = 0; registry_kinds(sort)[i]; i++)
            for (const struct field *f = registry_kinds(sort)[i]->fields; f && f->key; f++)
                if (!strcmp(f->key, name)) {
                    buf_print(b, "key of %s %s:\n", kinds_sort[sort], registry_kinds(sort)[i]->name);
                    print_field(b, f);
                }
    return b->length > before;
}

/* Who asks for 'dense' means 'net/dense'. */
static const char *part_called(const char *name)
{
    for (enum plugin sort = 0; sort < PLUGINS; sort++)
        for (size_t i = 0; registry_kinds(sort)[i]; i++) {
            const struct kind *k = registry_kinds(sort)[i];
            for (size_t j = 0; k->parts && k->parts()[j]; j++)
                if (!strcmp(k->parts()[j]->name, name)) return part_name(k, j);
        }
    return NULL;
}

/* There are too many for a message. */
static int unknown_kind(const char *name)
{
    struct err e = { 0 };
    const char *near = part_called(name);
    if (!near) near = names_near(name, kinds_names());
    err_set(&e, ERR_SPEC, "nothing is called '%s'%s%s%s; `tombola kinds` lists all there is", text_shown(name, 80),
            near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
    return cli_fail(&e);
}

static void json_fields(struct buf *b, const struct field *fields)
{
    json_open(b, "keys", '[');
    for (const struct field *f = fields; f && f->key; f++) {
        struct buf allowed = { 0 };
        kinds_allowed(&allowed, f);
        json_open(b, NULL, '{');
        JSON_TEXTS(b, "key", f->key, "default", f->standard, "allowed", buf_chars(&allowed), "unit",
                   f->unit ? f->unit : "", "help", f->help);
        json_close(b, '}');
        buf_release(&allowed);
    }
    json_close(b, ']');
}

static void json_head(struct buf *b, const char *sort, const char *name, const char *summary)
{
    json_open(b, NULL, '{');
    JSON_TEXTS(b, "sort", sort, "name", name, "summary", summary);
}

static void json_parts(struct buf *b, const struct kind *k)
{
    json_open(b, "parts", '[');
    for (size_t i = 0; k->parts()[i]; i++) {
        json_head(b, "part", k->parts()[i]->name, k->parts()[i]->summary);
        json_fields(b, k->parts()[i]->fields);
        json_close(b, '}');
    }
    json_close(b, ']');
}

static void print_json(struct buf *b)
{
    json_open(b, NULL, '{');
    json_count(b, "schema", 1);
    json_open(b, "kinds", '[');
    for (enum plugin sort = 0; sort < PLUGINS; sort++)
        for (size_t i = 0; registry_kinds(sort)[i]; i++) {
            const struct kind *k = registry_kinds(sort)[i];
            json_head(b, kinds_sort[sort], k->name, k->summary);
            json_text(b, "source", k->source ? k->source : "");
            if (missing(sort, k->name)) json_text(b, "missing", missing(sort, k->name));
            json_fields(b, k->fields);
            if (k->parts) json_parts(b, k);
            json_close(b, '}');
        }
    for (const struct kinds_section *s = kinds_sections; s->name; s++) {
        json_head(b, "section", s->name, s->summary);
        json_fields(b, kinds_fields(s));
        json_close(b, '}');
    }
    buf_text(b, "]}\n");
}

static int run_kinds(const struct cli *c)
{
    struct buf b = { 0 };
    int code = 0;
    if (cli_value(c, "json"))
        print_json(&b);
    else if (cli_value(c, "markdown"))
        kinds_page(&b);
    else if (!print_matching(&b, c->arg[0]) && !print_keys(&b, c->arg[0]))
        code = unknown_kind(c->arg[0]);
    output_text(buf_chars(&b));
    buf_release(&b);
    return code;
}

static const struct cli_option options[] = {
    { "json", NULL, "everything as one JSON value" },
    { "markdown", NULL, "all of it as a page: sweeps/README.md" },
    { .name = NULL },
};

const struct command command_kinds = {
    .name = "kinds",
    .args = "[NAME]",
    .summary = "every task, model, control, optimiser, measure, and its keys; every word of a sweep file",
    .max_args = 1,
    .options = options,
    .help =
        "NAME is a kind (embed_mlp), a sort (task, model, control, optimizer, measure), a section (grid, record), a\n"
        "key of any of them (threshold, lr) or what a sweep file may say (zip, exclude, include, iterate, search):\n"
        "that comes with an example; net/dense is an operation of model net.\n",
    .run = run_kinds,
};
