#include "base/text.h"
#include "job/inputs.h"
#include "job/plan.h"
#include "job/registry.h"

#include <stdio.h>

static int check_t(const char *text, char *canonical, size_t size, struct err *e)
{
    int64_t t = t_parse(text);
    char number[24];
    if (t == T_NONE)
        return err_set(e, ERR_SPEC, "'t' is '%s'; allowed: completed epochs (0, 1, 2, ...), mem, gen or final",
                       text_shown(text, 40));
    MUST(text_copy(canonical, size, t_text(t, number), size));
    return 0;
}

static const char *const mirrors[] = { "refuse", "accept", NULL };
static const struct field grid_keys[] = {
    { "seed", FIELD_INT, .standard = "0", .range = "[0, 1e15)", .unit = "", .help = "of every random stream" },
    { "t", FIELD_TEXT, .count = 24, .unit = "epoch", .check = check_t,
      .help = "epoch of the parent that the ticket is drawn from: a number, mem, gen or final" },
    { "k", FIELD_REAL, .range = "[0, 1)", .unit = "1",
      .help =
          "prune rate: the fraction of weights removed; {search: [low, high], step: s, until: gen | mem} tries rates "
          "upwards and stops after the first whose job does not get there" },
    { "scope", FIELD_CHOICE, .standard = "global", .choices = scope_names, .unit = "",
      .help = "prune over all weights together or tensor by tensor" },
    { "ties", FIELD_CHOICE, .standard = "draw", .choices = ties_names, .unit = "",
      .help = "of weights whose scores are equal where k cuts: all go, so that more than k is removed (prune: the "
              "published "
              "code's rule), all stay (keep), or as many as k says are drawn (draw)" },
    { "mirrors", FIELD_CHOICE, .standard = "refuse", .choices = mirrors, .unit = "",
      .help = "data that have (a, b) and (b, a), for a network that cannot tell them apart: an error (refuse), or "
              "trained all "
              "the same (accept)" },
    { "iterate", FIELD_INT, .standard = "1", .range = "[1, 100]", .unit = "round",
      .help =
          "iterative magnitude pruning: reach k in so many rounds, each a ticket of the round before, trained, that "
          "removes the same fraction of what is left (1803.03635)" },
    { "rewind", FIELD_INT, .standard = "0", .range = "[0, 1e9]", .unit = "epoch",
      .help = "start from the dense job's weights after so many epochs, at most t, instead of theta_0 (1912.05671)" },
    FIELD_END,
};

static const char *const goals[] = { "gen", "mem", NULL };

const struct sweep_schema *plan_schema(void)
{
    static struct sweep_section section[] = {
        [SECTION_TASK] = { .name = "task", .library = "tasks", .kind_key = "kind", .required = true },
        [SECTION_MODEL] = { .name = "model", .library = "models", .kind_key = "kind", .required = true },
        [SECTION_TRAINING] = { .name = "training",
                               .library = "training",
                               .kind_key = "optimizer",
                               .standard_kind = "adamw",
                               .fields = training_fields,
                               .required = true },
        [SECTION_PARENT_TRAINING] = { .name = "parent_training",
                                      .library = "training",
                                      .kind_key = "optimizer",
                                      .standard_kind = "adamw",
                                      .fields = training_fields },
        [SECTION_RECORD] = { .name = "record", .shared = true },
        [SECTION_CHECKPOINT] = { .name = "checkpoint", .shared = true, .fields = checkpoint_fields },
        [SECTION_INIT] = { .name = "init", .fields = input_fields },
        [SECTION_SPLIT] = { .name = "split", .fields = input_fields },
        [SECTION_MASK] = { .name = "mask", .fields = input_fields },
        [SECTION_CONTROL] = { .name = "control", .library = "controls", .kind_key = "kind", .bare_kinds = true },
    };
    static struct sweep_section measures[] = {
        { .name = "measure", .library = PLAN_MEASURES, .kind_key = "kind", .fields = measure_fields }
    };
    static const struct sweep_schema schema = { .section = section,
                                                .sections = SECTIONS,
                                                .keys = grid_keys,
                                                .searched = "k",
                                                .goals = goals,
                                                .extra = measures,
                                                .extras = 1 };
    section[SECTION_TASK].kinds = registry_kinds(PLUGIN_TASK);
    section[SECTION_MODEL].kinds = registry_kinds(PLUGIN_MODEL);
    section[SECTION_TRAINING].kinds = registry_kinds(PLUGIN_OPTIMIZER);
    section[SECTION_PARENT_TRAINING].kinds = registry_kinds(PLUGIN_OPTIMIZER);
    section[SECTION_CONTROL].kinds = registry_kinds(PLUGIN_CONTROL);
    measures[0].kinds = registry_kinds(PLUGIN_MEASURE);
    section[SECTION_RECORD].fields = record_fields();
    return &schema;
}
