#include "base/text.h"
#include "job/keys.h"
#include "job/registry.h"
#include "job/spec.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char canonical_head[] = "tombola/1\n";

/* ---- canonical text: lines are gathered in one buf, then sorted ---- */

enum { LINES = 96 };
struct lines {
    struct buf text;
    size_t start[LINES], count;
};

static void line_open(struct lines *l, const char *prefix, const char *key)
{
    MUST(l->count < LINES);
    l->start[l->count++] = l->text.length;
    buf_text(&l->text, prefix);
    if (*prefix) buf_add(&l->text, ".", 1);
    buf_text(&l->text, key);
    buf_add(&l->text, "=", 1);
}

static void line_close(struct lines *l)
{
    buf_add(&l->text, "\n", 2); /* the NUL ends the line for the sort */
}

static void line_text(struct lines *l, const char *key, const char *value)
{
    line_open(l, "", key);
    buf_text(&l->text, value);
    line_close(l);
}

static void line_fields(struct lines *l, const char *prefix, const struct field *fields, const void *config)
{
    for (const struct field *f = fields; f && f->key; f++) {
        if (field_is_place(f) || field_is_default(f, config)) continue;
        line_open(l, prefix, f->key);
        field_print(f, config, &l->text);
        line_close(l);
    }
}

static void line_key(struct lines *l, const struct job_key *key, const struct job_spec *s)
{
    if (key_is_as_before(key, s)) return;
    line_open(l, "", key->field.key);
    field_print(&key->field, s, &l->text);
    line_close(l);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* line: [LINES] */
static void sort_lines(const struct lines *l, const char **line)
{
    for (size_t i = 0; i < l->count; i++) line[i] = l->text.bytes + l->start[i];
    qsort(line, l->count, sizeof *line, compare_lines);
}

void spec_print_sections(const struct job_spec *s, struct buf *out)
{
    struct lines l = { 0 };
    const char *line[LINES];
    line_text(&l, "task", s->task->name);
    line_fields(&l, "task", s->task->fields, s->task_config);
    line_fields(&l, "task", task_fields, &s->common);
    line_text(&l, "model", s->model->name);
    line_fields(&l, "model", s->model->fields, s->model_config);
    line_fields(&l, "model", modelling_fields, &s->modelling);
    line_text(&l, "training", s->optimizer->name);
    line_fields(&l, "training", s->optimizer->fields, s->optimizer_config);
    line_fields(&l, "training", training_fields, &s->training);
    for (const struct job_key *key = job_keys; key->field.key; key++)
        if (key->places & KEY_DATA) line_key(&l, key, s);
    sort_lines(&l, line);
    for (size_t i = 0; i < l.count; i++) buf_text(out, line[i]);
    buf_release(&l.text);
}

/* Only what this control uses is part of what the job is. */
static void lines_control(struct lines *l, const struct job_spec *s)
{
    const unsigned used = keys_used(s);
    line_text(l, "control", s->control->name);
    line_fields(l, "control", s->control->fields, s->control_config);
    for (const struct job_key *key = job_keys; key->field.key; key++)
        if (key->places & KEY_TEXT && key_is_used(key, used)) line_key(l, key, s);
}

/* Two sorted lists of lines into one.  No two lines have one key, so they differ before the first of them ends. */
void spec_print_job(const struct job_spec *s, const char *sections, struct buf *out)
{
    struct lines l = { 0 };
    const char *line[LINES], *from = sections;
    lines_control(&l, s);
    sort_lines(&l, line);
    buf_text(out, canonical_head);
    for (size_t i = 0; i < l.count; i++) {
        const char *to = from;
        while (*to && strcmp(to, line[i]) < 0) to += strcspn(to, "\n") + 1;
        buf_add(out, from, (size_t)(to - from));
        buf_text(out, line[i]);
        from = to;
    }
    buf_text(out, from);
    buf_release(&l.text);
}

void spec_print(const struct job_spec *s, struct buf *out)
{
    struct buf sections = { 0 };
    spec_print_sections(s, &sections);
    spec_print_job(s, buf_chars(&sections), out);
    buf_release(&sections);
}

/* ---- the way back ---- */

struct setting {
    char key[64];
    struct buf value;
};

/* Split "key=value\n" at *text; false at the end or when it is not such a line. */
static bool next_setting(const char **text, struct setting *out)
{
    size_t length = strcspn(*text, "\n"), key = strcspn(*text, "=");
    if ((*text)[length] != '\n' || key >= length || !text_copy(out->key, sizeof out->key, *text, key)) return false;
    buf_clear(&out->value);
    buf_add(&out->value, *text + key + 1, length - key - 1);
    *text += length + 1;
    return true;
}

static int unknown(struct err *e, const char *sort, const char *name)
{
    return err_set(e, ERR_STORE, "a job has the %s '%s', which this version does not know; a later one wrote it",
                   sort, name);
}

static int set_in(const struct field *fields, void *config, const struct setting *set, const char *key, struct err *e)
{
    const struct field *f = field_find(fields, key);
    if (!f) return unknown(e, "key", set->key);
    return field_set(f, config, buf_chars(&set->value), e);
}

/* The sections of a text: a kind, its keys, and those that all kinds of the section share. */
struct spec_section {
    const char *name;
    enum plugin sort;
    const struct kind **kind;
    void *config;
    const struct field *shared;
    void *shared_config;
};
enum { PARTS = 4 };

static void list_parts(struct job_spec *s, struct spec_section out[PARTS])
{
    const struct spec_section part[PARTS] = {
        { "task", PLUGIN_TASK, &s->task, s->task_config, task_fields, &s->common },
        { "model", PLUGIN_MODEL, &s->model, s->model_config, modelling_fields, &s->modelling },
        { "training", PLUGIN_OPTIMIZER, &s->optimizer, s->optimizer_config, training_fields, &s->training },
        { "control", PLUGIN_CONTROL, &s->control, s->control_config, NULL, NULL },
    };
    memcpy(out, part, sizeof part);
}

/* Kinds come first, because they say which keys there are. */
static int parse_kind(const struct spec_section *part, const struct setting *set, struct err *e)
{
    for (size_t i = 0; i < PARTS; i++) {
        if (strcmp(part[i].name, set->key)) continue;
        *part[i].kind = registry_find(part[i].sort, buf_chars(&set->value));
        if (!*part[i].kind) return unknown(e, set->key, buf_chars(&set->value));
        field_defaults((*part[i].kind)->fields, part[i].config);
    }
    return 0;
}

static int parse_setting(struct job_spec *s, const struct spec_section *part, const struct setting *set,
                         struct err *e)
{
    for (size_t i = 0; i < PARTS; i++) {
        const size_t length = strlen(part[i].name);
        const char *key = set->key + length + 1;
        if (strncmp(set->key, part[i].name, length)) continue;
        if (!set->key[length]) return 0; /* the kind */
        if (set->key[length] != '.') continue;
        if (part[i].shared && field_find(part[i].shared, key))
            return set_in(part[i].shared, part[i].shared_config, set, key, e);
        return set_in((*part[i].kind)->fields, part[i].config, set, key, e);
    }
    const struct job_key *key = key_find(set->key, KEY_TEXT | KEY_DATA);
    if (!key) return unknown(e, "key", set->key);
    return field_set(&key->field, s, buf_chars(&set->value), e);
}

static int parse_settings(const char *text, struct job_spec *out, struct setting *set, struct err *e)
{
    struct spec_section part[PARTS];
    list_parts(out, part);
    for (const char *s = text; next_setting(&s, set);)
        if (parse_kind(part, set, e)) return -1;
    if (!out->task || !out->model || !out->optimizer || !out->control)
        return err_set(e, ERR_STORE, "a canonical text lacks task, model, training or control");
    const char *s = text;
    while (next_setting(&s, set))
        if (parse_setting(out, part, set, e)) return -1;
    return *s ? err_set(e, ERR_STORE, "a canonical text has a broken line: '%s'", text_shown(s, 40)) : 0;
}

int spec_parse(const char *text, struct job_spec *out, struct err *e)
{
    memset(out, 0, sizeof *out);
    out->t = moment_none;
    out->parent_tensors = "";
    field_defaults(modelling_fields, &out->modelling);
    out->rewind = moment_at(0);
    field_defaults(task_fields, &out->common);
    field_defaults(training_fields, &out->training);
    if (strncmp(text, canonical_head, strlen(canonical_head)))
        return err_set(e, ERR_STORE, "a canonical text does not begin with 'tombola/1'");
    struct setting set = { .key = "" };
    const int rc = parse_settings(text + strlen(canonical_head), out, &set, e);
    buf_release(&set.value);
    return rc;
}

/* ---- small texts ---- */

void spec_print_inputs(const struct job_spec *s, struct buf *out)
{
    for (const struct job_key *key = job_keys; key->field.key; key++) {
        const struct input *in = key_input(key, s);
        if (key->places & KEY_INPUT && in->digest[0])
            buf_print(out, "%s=%s\t%s%s%s\n", key->field.key, in->file, in->group, in->names[0] ? "\t" : "",
                      in->names);
    }
    for (const struct field *f = s->task->fields; f->key; f++)
        if (field_is_place(f) && s->task_config[f->offset])
            buf_print(out, "task.%s=%s\n", f->key, s->task_config + f->offset);
}

/* Behind "FOLDERKEY=" at the start of a line: paths may hold anything.  NULL: it is not there. */
static const char *find_line(const char *text, const char *folder, const char *key)
{
    char head[64];
    MUST(text_print(head, sizeof head, "%s%s=", folder, key));
    const size_t length = strlen(head);
    while (text && strncmp(text, head, length) != 0) {
        text = strchr(text, '\n');
        text += text ? 1 : 0;
    }
    return text ? text + length : NULL;
}

static bool parse_input(const char *line, struct input *in)
{
    if (!line) return true;
    const size_t end = strcspn(line, "\n"), file = strcspn(line, "\t\n");
    const size_t group = file < end ? file + 1 + strcspn(line + file + 1, "\t\n") : end;
    return text_copy(in->file, sizeof in->file, line, file) &&
           (file == end || text_copy(in->group, sizeof in->group, line + file + 1, group - file - 1)) &&
           (group == end || text_copy(in->names, sizeof in->names, line + group + 1, end - group - 1));
}

int spec_parse_inputs(const char *text, struct job_spec *s, struct err *e)
{
    bool fits = true;
    for (const struct job_key *key = job_keys; key->field.key && fits; key++)
        if (key->places & KEY_INPUT) fits = parse_input(find_line(text, "", key->field.key), key_input(key, s));
    for (const struct field *f = s->task->fields; f->key && fits; f++) {
        const char *line = field_is_place(f) ? find_line(text, "task.", f->key) : NULL;
        if (line) fits = text_copy(s->task_config + f->offset, f->count, line, strcspn(line, "\n"));
    }
    return fits ? 0
                : err_set(e, ERR_STORE, "the path of a file that the job reads is too long: '%s'",
                          text_shown(text, 80));
}
