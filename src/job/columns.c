#include "base/text.h"
#include "job/registry.h"
#include "job/spec.h"

#include <math.h>
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

static void field_column_name(char out[NAME], const char *prefix, const struct field *f, size_t i)
{
    if (f->type == FIELD_REALS)
        MUST(text_print(out, NAME, "%s_%s%zu", prefix, f->key, i));
    else
        MUST(text_print(out, NAME, "%s_%s", prefix, f->key));
}

/* The longest text that field_print makes. */
static size_t text_size(const struct field *f)
{
    size_t size = CHOICE_TEXT;
    if (f->type == FIELD_TEXT) return f->count;
    if (f->type != FIELD_NAMES) return size;
    size = sizeof "[]";
    for (size_t i = 0; f->choices[i]; i++) size += strlen(f->choices[i]) + 1;
    return size;
}

static void add_fields(const char *prefix, const struct field *fields)
{
    char name[NAME];
    for (const struct field *f = fields; f && f->key; f++) {
        if (f->type == FIELD_PATH) continue;
        size_t columns = f->type == FIELD_REALS ? f->count : 1;
        for (size_t i = 0; i < columns; i++) {
            field_column_name(name, prefix, f, i);
            if (f->type == FIELD_INT)
                add_column(name, COLUMN_I64, 0, f);
            else if (f->type == FIELD_REAL || f->type == FIELD_REALS)
                add_column(name, COLUMN_F64, 0, f);
            else
                add_column(name, COLUMN_TEXT, text_size(f), f);
        }
    }
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

static const struct field number_fields[] = {
    { .key = "rewind",
      .unit = "epoch",
      .help = "the weights started from the dense ancestor's after so many epochs" },
    { .key = "round", .unit = "1", .help = "of pruning: 1 = made from the dense job, 2 = from the first round, ..." },
};
static const struct field extra_fields[] = {
    { .key = "scope", .unit = "", .help = "prune over all weights together or tensor by tensor" },
    { .key = "ties", .unit = "", .help = "of equal scores where k cuts: all pruned, all kept, or drawn" },
    { .key = "data", .unit = "", .help = "digest of the task's files" },
    { .key = "init", .unit = "", .help = "digest of the given initial weights" },
    { .key = "split", .unit = "", .help = "digest of the given split" },
    { .key = "mask", .unit = "", .help = "digest of the given mask" },
};

const struct column *spec_columns(size_t *size)
{
    if (table.count == 0) {
        add_kinds("task", PLUGIN_TASK);
        add_kinds("model", PLUGIN_MODEL);
        add_kinds("training", PLUGIN_OPTIMIZER);
        add_fields("training", training_fields);
        add_kinds("control", PLUGIN_CONTROL);
        for (size_t i = 0; i < ARRAY_LEN(extra_fields); i++)
            add_column(extra_fields[i].key, COLUMN_TEXT, ID_CHARS, &extra_fields[i]);
        for (size_t i = 0; i < ARRAY_LEN(number_fields); i++)
            add_column(number_fields[i].key, COLUMN_I64, 0, &number_fields[i]);
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

static void put_fields(void *row, const char *prefix, const struct field *fields, const void *config)
{
    char name[NAME];
    for (const struct field *f = fields; f && f->key; f++) {
        const char *value = (const char *)config + f->offset;
        if (f->type == FIELD_PATH) continue;
        field_column_name(name, prefix, f, 0);
        if (f->type == FIELD_INT || f->type == FIELD_REAL) {
            memcpy(place(row, name), value, 8);
        } else if (f->type == FIELD_REALS) {
            for (size_t i = 0; i < f->count; i++) {
                field_column_name(name, prefix, f, i);
                memcpy(place(row, name), value + 8 * i, 8);
            }
        } else {
            struct buf text = { 0 };
            field_print(f, config, &text);
            put_text(row, name, buf_chars(&text));
            buf_release(&text);
        }
    }
}

static void set_missing(void *row)
{
    memset(row, 0, table.size);
    for (size_t i = 0; i < table.count; i++) {
        void *p = (char *)row + table.column[i].offset;
        if (table.column[i].type == COLUMN_I64) memcpy(p, &(int64_t){ COLUMN_NO_INT }, 8);
        if (table.column[i].type == COLUMN_F64) memcpy(p, &(double){ (double)NAN }, 8);
    }
}

void spec_fill_columns(const struct job_spec *s, void *row)
{
    size_t size;
    spec_columns(&size);
    set_missing(row);
    put_text(row, "task_kind", s->task->name);
    put_text(row, "model_kind", s->model->name);
    put_text(row, "training_kind", s->optimizer->name);
    put_fields(row, "task", s->task->fields, s->task_config);
    put_fields(row, "model", s->model->fields, s->model_config);
    put_fields(row, "training", s->optimizer->fields, s->optimizer_config);
    put_fields(row, "training", training_fields, &s->training);
    put_text(row, "control_kind", s->control->name);
    put_fields(row, "control", s->control->fields, s->control_config);
    if (spec_uses(s) & USES_SCOPE) put_text(row, "scope", scope_names[s->scope]);
    if (spec_uses(s) & USES_TIES) put_text(row, "ties", ties_names[s->ties]);
    put_text(row, "data", s->data);
    if (spec_uses(s) & USES_REWIND) memcpy(place(row, "rewind"), &s->rewind, sizeof s->rewind);
    if (spec_uses(s) & USES_ROUNDS) memcpy(place(row, "round"), &s->round, sizeof s->round);
    put_text(row, "init", s->init.digest);
    put_text(row, "split", s->split.digest);
    put_text(row, "mask", s->mask.digest);
}
