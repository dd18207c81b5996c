#include "base/number.h"
#include "base/text.h"
#include "job/keys.h"
#include "job/registry.h"
#include "job/spec.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

/* The spec columns: the union of the keys of every plug-in, made once from the registry. */

enum { COLUMNS = 128, NAME = 48, CHOICE_TEXT = 24 };

static struct {
    struct column column[COLUMNS + 1];
    char name[COLUMNS][NAME];
    size_t count, size;
} table;

static void add_column(const char *name, enum column_type type, size_t text_size, const struct field *f)
{
    for (size_t i = 0; i < table.count; i++)
        if (!strcmp(table.name[i], name)) {
            MUST(table.column[i].type == type && "two plug-ins give one key two types");
            return;
        }
    MUST(table.count < COLUMNS);
    size_t i = table.count++;
    MUST(text_print(table.name[i], NAME, "%s", name));
    table.column[i] = (struct column){ .name = table.name[i],
                                       .type = type,
                                       .offset = table.size,
                                       .size = type == COLUMN_TEXT ? text_size : 0,
                                       .unit = f->unit,
                                       .help = f->help };
    table.size += (column_size(type, text_size) + 7) / 8 * 8;
}

/* "task_p"; the keys of a job stand for themselves. */
static void field_column_name(char out[NAME], const char *prefix, const struct field *f, size_t i)
{
    const char *between = *prefix ? "_" : "";
    if (f->type == FIELD_REALS)
        MUST(text_print(out, NAME, "%s%s%s%zu", prefix, between, f->key, i));
    else
        MUST(text_print(out, NAME, "%s%s%s", prefix, between, f->key));
}

/* A tree may be of any length: eight digits of its hash, which tell it from others, and its beginning. */
enum { TREE_TEXT = 64 };

static void tree_brief(const struct field *f, const void *config, struct buf *out)
{
    struct buf text = { 0 };
    char id[ID_CHARS + 1], brief[TREE_TEXT];
    field_print(f, config, &text);
    if (text.length) {
        id_text(id_of(buf_chars(&text), text.length), id);
        text_brief(brief, sizeof brief, "%.8s %s", id, buf_chars(&text));
        buf_text(out, brief);
    }
    buf_release(&text);
}

/* The longest text that field_print makes. */
static size_t text_size(const struct field *f)
{
    size_t size = CHOICE_TEXT;
    if (field_is_tree(f)) return TREE_TEXT;
    if (f->type == FIELD_TEXT || f->type == FIELD_LINES) return f->count;
    if (f->type != FIELD_NAMES) return size;
    size = sizeof "[]";
    for (size_t i = 0; f->choices[i]; i++) size += strlen(f->choices[i]) + 1;
    return size;
}

/* Beside the column of its number: what it is where it is none. */
static void rule_column_name(char out[NAME], const char *prefix, const struct field *f)
{
    MUST(text_print(out, NAME, "%s%s%s_rule", prefix, *prefix ? "_" : "", f->key));
}

static void add_field(const char *prefix, const struct field *f)
{
    char name[NAME];
    if (f->type == FIELD_CODE) {
        static const struct field rule = {
            .unit = "", .help = "the same where it is no whole number of epochs, or none before the training"
        };
        rule_column_name(name, prefix, f);
        add_column(name, COLUMN_TEXT, f->count, &rule);
    }
    const size_t columns = f->type == FIELD_REALS ? f->count : 1;
    for (size_t i = 0; i < columns; i++) {
        field_column_name(name, prefix, f, i);
        if (field_is_whole(f) || f->type == FIELD_CODE)
            add_column(name, COLUMN_I64, 0, f);
        else if (f->type == FIELD_REAL || f->type == FIELD_REALS)
            add_column(name, COLUMN_F64, 0, f);
        else
            add_column(name, COLUMN_TEXT, *prefix ? text_size(f) : ID_CHARS, f);
    }
}

static void add_fields(const char *prefix, const struct field *fields)
{
    for (const struct field *f = fields; f && f->key; f++)
        if (!field_is_place(f)) add_field(prefix, f);
}

static void add_kinds(const char *prefix, enum plugin sort)
{
    static const struct field kind = { .key = "kind", .unit = "", .help = "which plug-in" };
    char name[NAME];
    MUST(text_print(name, NAME, "%s_kind", prefix));
    add_column(name, COLUMN_TEXT, CHOICE_TEXT, &kind);
    const struct kind *const *kinds = registry_kinds(sort);
    for (size_t i = 0; kinds[i]; i++) add_fields(prefix, kinds[i]->fields);
}

const struct column *spec_columns(size_t *size)
{
    if (table.count == 0) {
        add_kinds("task", PLUGIN_TASK);
        add_fields("task", task_fields);
        add_kinds("model", PLUGIN_MODEL);
        add_fields("model", modelling_fields);
        add_kinds("training", PLUGIN_OPTIMIZER);
        add_fields("training", training_fields);
        add_kinds("control", PLUGIN_CONTROL);
        for (const struct job_key *key = job_keys; key->field.key; key++)
            if (key->places & KEY_COLUMN) add_field("", &key->field);
    }
    *size = table.size;
    return table.column;
}

static void *place(void *row, const char *name)
{
    for (size_t i = 0; i < table.count; i++)
        if (!strcmp(table.name[i], name)) return (char *)row + table.column[i].offset;
    BUG("no spec column '%s'", name);
}

static void put_text(void *row, const char *name, const char *text)
{
    memcpy(place(row, name), text, strlen(text)); /* the row is zeroed; columns are at least this long */
}

static void put_numbers(void *row, const char *prefix, const struct field *f, const void *config)
{
    const char *value = (const char *)config + f->offset;
    const size_t columns = f->type == FIELD_REALS ? f->count : 1;
    char name[NAME];
    for (size_t i = 0; i < columns; i++) {
        field_column_name(name, prefix, f, i);
        memcpy(place(row, name), value + 8 * i, 8);
    }
}

/* A rule, which is a number in a column of numbers, stands as text in one of its own where it is none. */
static void put_words(void *row, const char *prefix, const struct field *f, const void *config)
{
    char name[NAME];
    int64_t whole;
    struct buf text = { 0 };
    (field_is_tree(f) ? tree_brief : field_print)(f, config, &text);
    const bool rule = f->type == FIELD_CODE;
    if (rule)
        rule_column_name(name, prefix, f);
    else
        field_column_name(name, prefix, f, 0);
    if (rule && number_int(buf_chars(&text), &whole))
        put_numbers(row, prefix, f, config);
    else
        put_text(row, name, buf_chars(&text));
    buf_release(&text);
}

static void put_field(void *row, const char *prefix, const struct field *f, const void *config)
{
    const bool numbers = field_is_whole(f) || f->type == FIELD_REAL || f->type == FIELD_REALS;
    (numbers ? put_numbers : put_words)(row, prefix, f, config);
}

static void put_fields(void *row, const char *prefix, const struct field *fields, const void *config)
{
    for (const struct field *f = fields; f && f->key; f++)
        if (!field_is_place(f)) put_field(row, prefix, f, config);
}

void spec_fill_columns(const struct job_spec *s, void *row)
{
    const unsigned used = keys_used(s);
    size_t size;
    spec_columns(&size);
    memset(row, 0, table.size);
    columns_blank(table.column, row);
    put_text(row, "task_kind", s->task->name);
    put_text(row, "model_kind", s->model->name);
    put_text(row, "training_kind", s->optimizer->name);
    put_fields(row, "task", s->task->fields, s->task_config);
    put_fields(row, "task", task_fields, &s->common);
    put_fields(row, "model", s->model->fields, s->model_config);
    put_fields(row, "model", modelling_fields, &s->modelling);
    put_fields(row, "training", s->optimizer->fields, s->optimizer_config);
    put_fields(row, "training", training_fields, &s->training);
    put_text(row, "control_kind", s->control->name);
    put_fields(row, "control", s->control->fields, s->control_config);
    for (const struct job_key *key = job_keys; key->field.key; key++)
        if (key->places & KEY_COLUMN && key_is_used(key, used)) put_field(row, "", &key->field, s);
}

static bool fill(const char *canonical, void *row)
{
    struct job_spec s;
    struct err e = { 0 };
    if (spec_parse(canonical, &s, &e)) return false;
    s.round = COLUMN_NO_INT;
    spec_fill_columns(&s, row);
    return true;
}

void spec_store(struct store_specs *out)
{
    *out = (struct store_specs){ .fill = fill };
    out->column = spec_columns(&out->size);
}
