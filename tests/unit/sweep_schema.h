/** A schema for tests of the sweep floor: sections and keys named as those of the real one. */
#ifndef TOMBOLA_TESTS_SWEEP_SCHEMA_H
#define TOMBOLA_TESTS_SWEEP_SCHEMA_H

#include "base/number.h"
#include "sweep/sweep.h"

#include <stdio.h>
#include <string.h>

/* A value with a code of its own: an epoch, or the place of a word. */
struct when {
    int64_t epoch;
};
static const char *const when_words[] = { "mem", "gen", "final", NULL };

static inline int set_when(const struct field *f, void *place, const char *text, struct err *e)
{
    struct when w = { -1 };
    for (int i = 0; when_words[i]; i++)
        if (!strcmp(when_words[i], text)) w.epoch = -2 - i;
    if (w.epoch == -1 && (!number_int(text, &w.epoch) || w.epoch < 0))
        return err_set(e, ERR_SPEC, "'%s' is '%s'; allowed: %s", f->key, text, f->range);
    memcpy(place, &w, sizeof w);
    return 0;
}

static inline void print_when(const void *place, struct buf *out)
{
    const struct when *w = place;
    if (w->epoch < 0)
        buf_text(out, when_words[-2 - w->epoch]);
    else
        buf_int(out, w->epoch);
}

static const char *const measure_names[] = { "norms", "fourier", NULL };
static const char *const pairs_names[] = { "unordered", "unordered_distinct", "ordered", NULL };
static const char *const loss_names[] = { "cross_entropy", "mse", NULL };
static const char *const activation_names[] = { "relu", "gelu", NULL };
static const char *const precision_names[] = { "single", "double", NULL };
static const char *const norm_names[] = { "vector", "tensors", NULL };
static const char *const scope_names[] = { "global", "tensor", NULL };

#define ROW(k, t, n, s, r, c, h)                                                                                     \
    {                                                                                                                \
        .key = k, .type = t, .count = n, .standard = s, .range = r, .choices = c, .unit = "1", .help = h             \
    }

static const struct field modular_fields[] = {
    ROW("expr", FIELD_TEXT, 64, NULL, NULL, NULL, "the label, an expression in a and b"),
    ROW("p", FIELD_INT, 0, NULL, "[2, 1000]", NULL, "modulus"),
    ROW("pairs", FIELD_CHOICE, 0, "unordered", NULL, pairs_names, "which pairs"),
    ROW("train_fraction", FIELD_REAL, 0, "0.4", "(0, 1)", NULL, "of the pairs"),
    FIELD_END,
};
static const struct field nothing_fields[] = {
    ROW("seconds", FIELD_REAL, 0, "0", "[0, 1e6]", NULL, "how long a job takes"),
    ROW("fail_every", FIELD_INT, 0, "0", "[0, inf)", NULL, "every n-th seed fails"),
    FIELD_END,
};
static const struct field mlp_fields[] = {
    ROW("d_embed", FIELD_INT, 0, "500", "[1, 65536]", NULL, "width of the embedding"),
    ROW("d_hidden", FIELD_INT, 0, "48", "[1, 65536]", NULL, "width of the hidden layer"),
    ROW("activation", FIELD_CHOICE, 0, "relu", NULL, activation_names, "of the hidden layer"),
    ROW("init_scale", FIELD_REAL, 0, "1", "(0, 1000]", NULL, "factor on the initial weights"),
    FIELD_END,
};
/* A second model, so that a dotted key can mean two fields, and a list one value or several. */
static const struct field wide_fields[] = {
    ROW("width", FIELD_INT, 0, "8", "[1, 65536]", NULL, "width"),
    ROW("init_scale", FIELD_INT, 0, "1", "[1, 10]", NULL, "whole here"),
    ROW("activation", FIELD_NAMES, 0, "[]", NULL, activation_names, "several here"),
    FIELD_END,
};
static const struct field training_fields[] = {
    ROW("epochs", FIELD_INT, 0, NULL, "[0, 1e9]", NULL, "passes over the training set"),
    ROW("loss", FIELD_CHOICE, 0, "cross_entropy", NULL, loss_names, "loss"),
    ROW("batch", FIELD_INT, 0, "0", "[0, 1e9]", NULL, "examples a step"),
    ROW("precision", FIELD_CHOICE, 0, "single", NULL, precision_names, "of the arithmetic"),
    FIELD_END,
};
static const struct field adamw_fields[] = {
    ROW("lr", FIELD_REAL, 0, "1e-3", "[0, 10]", NULL, "step size"),
    ROW("weight_decay", FIELD_REAL, 0, "0.01", "[0, 1000]", NULL, "decoupled"),
    ROW("betas", FIELD_REALS, 2, "[0.9, 0.98]", "[0, 1)", NULL, "decay rates of the moments"),
    FIELD_END,
};
static const struct field recording_fields[] = {
    ROW("eval_every", FIELD_INT, 0, "1", "[1, 1e9]", NULL, "epochs between evaluations"),
    ROW("series_every", FIELD_INT, 0, "10", "[1, 1e9]", NULL, "epochs between points"),
    ROW("measures", FIELD_NAMES, 0, "[]", NULL, measure_names, "at checkpoints"),
    ROW("threshold", FIELD_REAL, 0, "0.95", "(0, 1)", NULL, "P"),
    FIELD_END,
};
static const struct field recording_checkpoint_fields[] = {
    ROW("every", FIELD_INT, 0, "0", "[0, 1e9]", NULL, "epochs between checkpoints"),
    ROW("at", FIELD_INTS, 0, "[]", "[0, 1e9]", NULL, "and at these epochs"),
    FIELD_END,
};
static const struct field norm_fields[] = {
    ROW("norm_of", FIELD_CHOICE, 0, "vector", NULL, norm_names, "which norm"),
    FIELD_END,
};
static const struct field file_fields[] = {
    ROW("file", FIELD_TEXT, 256, NULL, NULL, NULL, "an HDF5 file"),
    ROW("group", FIELD_TEXT, 64, "/", NULL, NULL, "in the file"),
    FIELD_END,
};
static const struct field key_fields[] = {
    ROW("seed", FIELD_INT, 0, "0", "[0, 1e15)", NULL, "of all streams"),
    { .key = "t",
      .type = FIELD_CODE,
      .count = sizeof(struct when),
      .standard = "final",
      .unit = "epoch",
      .help = "",
      .range = "0, 1, 2, ... | mem | gen | final",
      .set = set_when,
      .print = print_when },
    ROW("k", FIELD_REAL, 0, NULL, "[0, 1)", NULL, "prune rate"),
    ROW("scope", FIELD_CHOICE, 0, "global", NULL, scope_names, "of the magnitudes"),
    FIELD_END,
};

static const struct kind kind_modular = { .name = "modular", .summary = "", .source = "", .fields = modular_fields };
static const struct kind kind_nothing = { .name = "nothing", .summary = "", .source = "", .fields = nothing_fields };
static const struct kind kind_mlp = { .name = "embed_mlp", .summary = "", .source = "", .fields = mlp_fields };
static const struct kind kind_wide = { .name = "wide", .summary = "", .source = "", .fields = wide_fields };
static const struct kind kind_adamw = { .name = "adamw", .summary = "", .source = "", .fields = adamw_fields };
static const struct kind kind_dense = { .name = "dense", .summary = "", .source = "", .fields = NULL };
static const struct kind kind_ticket = { .name = "ticket", .summary = "", .source = "", .fields = NULL };
static const struct kind kind_random = { .name = "random", .summary = "", .source = "", .fields = NULL };
static const struct kind kind_l1 = { .name = "l1", .summary = "", .source = "", .fields = norm_fields };
static const struct kind kind_l2 = { .name = "l2", .summary = "", .source = "", .fields = norm_fields };
static const struct kind *const control_kinds[] = {
    &kind_dense, &kind_ticket, &kind_random, &kind_l1, &kind_l2, NULL
};
static const struct kind *const task_kinds[] = { &kind_modular, &kind_nothing, NULL };
static const struct kind *const model_kinds[] = { &kind_mlp, &kind_wide, NULL };
static const struct kind *const training_kinds[] = { &kind_adamw, NULL };

enum { TASK, MODEL, TRAINING, PARENT, RECORD, CHECKPOINT, INIT, SPLIT, CONTROL, SECTIONS };
static const struct sweep_section schema_sections[SECTIONS] = {
    [TASK] = { "task", "tasks", "kind", task_kinds, NULL, NULL, true, false },
    [MODEL] = { "model", "models", "kind", model_kinds, NULL, NULL, true, false },
    [TRAINING] = { "training", "training", "optimizer", training_kinds, "adamw", training_fields, true, false },
    [PARENT] = { "parent_training", "training", "optimizer", training_kinds, "adamw", training_fields, false, false },
    [RECORD] = { "record", NULL, NULL, NULL, NULL, recording_fields, false, true },
    [CHECKPOINT] = { "checkpoint", NULL, NULL, NULL, NULL, recording_checkpoint_fields, false, true },
    [INIT] = { "init", NULL, NULL, NULL, NULL, file_fields, false, false },
    [SPLIT] = { "split", NULL, NULL, NULL, NULL, file_fields, false, false },
    [CONTROL] = { .name = "control",
                  .library = "controls",
                  .kind_key = "kind",
                  .kinds = control_kinds,
                  .bare_kinds = true },
};
static const char *const goals[] = { "gen", "mem", NULL };
static const struct sweep_schema test_schema = { schema_sections, SECTIONS, key_fields, "k", goals, NULL, 0 };

/* DESIGN's example. */
static const char paper_text[] =
    "name: paper-fig5\n"
    "tasks:\n"
    "  add: {kind: modular, expr: a + b, p: 67, pairs: unordered, train_fraction: 0.4}\n"
    "models:\n"
    "  mlp: {kind: embed_mlp, d_embed: 500, d_hidden: 48, activation: relu, init_scale: 1}\n"
    "training:\n"
    "  adamw: {optimizer: adamw, lr: 1e-3, weight_decay: 1, betas: [0.9, 0.98], loss: cross_entropy, epochs: 30000}\n"
    "record:     {eval_every: 10, measures: [norms]}\n"
    "checkpoint: {every: 2000}\n"
    "grids:\n"
    "  - name: fig4a                       # which epoch must a ticket be drawn at?\n"
    "    task: add\n"
    "    model: mlp\n"
    "    training: adamw\n"
    "    seed: [0, 1, 2]\n"
    "    control: ticket\n"
    "    t: {from: 2000, to: 30000, step: 2000}\n"
    "    k: 0.6\n"
    "  - name: fig5                        # norm, sparsity or structure?\n"
    "    task: add\n"
    "    model: mlp\n"
    "    training: adamw\n"
    "    seed: [0, 1, 2]\n"
    "    control: [ticket, l1, l2, random]\n"
    "    t: gen                            # epochs, or mem | gen | final\n"
    "    k: 0.6\n"
    "  - name: critical-k                  # appendix E: a ticket without weight decay\n"
    "    task: add\n"
    "    model: mlp\n"
    "    training: {use: adamw, weight_decay: 0}\n"
    "    parent_training: adamw\n"
    "    seed: 0\n"
    "    control: ticket\n"
    "    t: final\n"
    "    k: {from: 0.80, to: 0.90, step: 0.01}\n"
    "    exclude: [{k: 0.9}]\n";

#endif
