#include "job/inputs.h"
#include "job/keys.h"
#include "job/plan.h"
#include "job/registry.h"

static const char *const goals[] = { "gen", "mem", NULL };

const struct sweep_schema *plan_schema(void)
{
    static struct sweep_section section[] = {
        [SECTION_TASK] = { .name = "task",
                           .library = "tasks",
                           .kind_key = "kind",
                           .fields = task_fields,
                           .required = true },
        [SECTION_MODEL] = { .name = "model",
                            .library = "models",
                            .kind_key = "kind",
                            .fields = modelling_fields,
                            .required = true },
        [SECTION_TRAINING] = { .name = "training",
                               .library = "training",
                               .kind_key = "optimizer",
                               .standard_kind = "adamw",
                               .fields = training_fields,
                               .required = true },
        [SECTION_PARENT_TASK] = { .name = "parent_task",
                                  .library = "tasks",
                                  .kind_key = "kind",
                                  .fields = task_fields },
        [SECTION_PARENT_MODEL] = { .name = "parent_model",
                                   .library = "models",
                                   .kind_key = "kind",
                                   .fields = modelling_fields },
        [SECTION_PARENT_TRAINING] = { .name = "parent_training",
                                      .library = "training",
                                      .kind_key = "optimizer",
                                      .standard_kind = "adamw",
                                      .fields = training_fields },
        [SECTION_RECORD] = { .name = "record", .shared = true },
        [SECTION_CHECKPOINT] = { .name = "checkpoint", .shared = true, .fields = recording_checkpoint_fields },
        [SECTION_INIT] = { .name = "init", .fields = input_fields },
        [SECTION_SPLIT] = { .name = "split", .fields = input_fields },
        [SECTION_MASK] = { .name = "mask", .fields = input_fields },
        [SECTION_CONTROL] = { .name = "control", .library = "controls", .kind_key = "kind", .bare_kinds = true },
    };
    static struct sweep_section measures[] = {
        { .name = "measure", .library = RECORDING_MEASURES, .kind_key = "kind", .fields = recording_measure_fields }
    };
    static struct sweep_schema schema = { .section = section,
                                          .sections = SECTIONS,
                                          .nested = "parent",
                                          .searched = "k",
                                          .goals = goals,
                                          .extra = measures,
                                          .extras = 1 };
    schema.keys = keys_of_grid();
    section[SECTION_TASK].kinds = registry_kinds(PLUGIN_TASK);
    section[SECTION_MODEL].kinds = registry_kinds(PLUGIN_MODEL);
    section[SECTION_PARENT_TASK].kinds = section[SECTION_TASK].kinds;
    section[SECTION_PARENT_MODEL].kinds = section[SECTION_MODEL].kinds;
    section[SECTION_TRAINING].kinds = registry_kinds(PLUGIN_OPTIMIZER);
    section[SECTION_PARENT_TRAINING].kinds = registry_kinds(PLUGIN_OPTIMIZER);
    section[SECTION_CONTROL].kinds = registry_kinds(PLUGIN_CONTROL);
    measures[0].kinds = registry_kinds(PLUGIN_MEASURE);
    section[SECTION_RECORD].fields = recording_fields();
    return &schema;
}
