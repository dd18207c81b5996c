#include "base/buf.h"
#include "base/field.h"
#include "cli/kinds.h"
#include "job/inputs.h"
#include "job/plan.h"
#include "job/registry.h"
#include "model/tensors.h"

/* The tables that read a sweep file, by the names that people know them by. */

const char *const kinds_sort[PLUGINS] = {
    [PLUGIN_TASK] = "task",       [PLUGIN_MODEL] = "model",     [PLUGIN_OPTIMIZER] = "optimizer",
    [PLUGIN_CONTROL] = "control", [PLUGIN_MEASURE] = "measure",
};

void kinds_allowed(struct buf *b, const struct field *f)
{
    if (f->choices)
        for (size_t i = 0; f->choices[i]; i++) buf_print(b, "%s%s", i ? " | " : "", f->choices[i]);
    else if (f->range)
        buf_text(b, f->range);
    else
        buf_text(b, f->type == FIELD_TEXT                             ? "text"
                    : f->type == FIELD_PATH                           ? "path"
                    : f->type == FIELD_LINES || f->type == FIELD_TREE || f->type == FIELD_ARRAYS ? "a list"
                    : f->type == FIELD_TABLE                          ? "a map"
                    : f->type == FIELD_BOOL                           ? "true | false"
                                                                      : "");
}

/* Keys that belong to no plug-in. */
static const struct field *grid_fields(void)
{
    return plan_schema()->keys;
}

const struct kinds_section kinds_sections[] = {
    { .name = "file",
      .summary = "keys of a sweep file, beside record, checkpoint, and the named blocks of tasks, models, training, "
                 "controls and measures",
      .fields = sweep_file_keys },
    { .name = "grid",
      .summary =
          "plain keys of a grid, beside control and the sections; each may be a list, numbers also {from, to, step}",
      .find = grid_fields },
    { .name = "tasks", .summary = "keys that every task takes", .fields = task_fields },
    { .name = "model", .summary = "keys that every model shares", .fields = modelling_fields },
    { .name = "tensors",
      .summary = "what single tensors have of their own, in a model's key `tensors`: name or pattern -> these",
      .fields = tensor_fields },
    { .name = "training", .summary = "keys that every optimiser shares", .fields = training_fields },
    { .name = "record",
      .summary = "what is measured while a job trains; for the whole file or in a grid",
      .find = recording_fields },
    { .name = "checkpoint",
      .summary = "which weights are kept; for the whole file or in a grid",
      .fields = recording_checkpoint_fields },
    { .name = "measures",
      .summary = "keys of every entry, beside those of its kind",
      .fields = recording_measure_fields },
    { .name = "init",
      .summary = "start from given weights: datasets GROUP/init/TENSOR; `tombola kinds MODEL` lists the tensors",
      .fields = input_fields },
    { .name = "split",
      .summary = "use a given split: datasets GROUP/data/train_pairs and GROUP/data/test_pairs, [examples, width]",
      .fields = input_fields },
    { .name = "mask",
      .summary = "train under a given mask: datasets GROUP/mask/TENSOR, 1 = kept, of the shapes of the weights",
      .fields = input_fields },
    { .name = NULL },
};

const struct field *kinds_fields(const struct kinds_section *s)
{
    return s->find ? s->find() : s->fields;
}
