#include "job/registry.h"
#include "num/real.h"

#include <string.h>

/* The registry: one row a plug-in. */
// clang-format off
static const struct task_kind *const tasks[] = {
    &task_modular,
    &task_permutation,
    &task_parity,
    &task_polynomial,
    &task_mnist,
    &task_sentiment,
    &task_imdb,
    &task_nothing,
};
static const struct model_kind *const models[] = {
    &model_embed_mlp,
    &model_transformer,
    &model_dense_mlp,
    &model_lstm,
};
static const struct optimizer_kind *const optimizers[] = {
    &optimizer_adamw,
    &optimizer_adam,
    &optimizer_sgd,
};
static const struct control_kind *const controls[] = {
    &control_dense,
    &control_ticket,
    &control_l1,
    &control_l2,
    &control_random,
    &control_shuffle,
    &control_reinit,
    &control_invert,
    &control_snip,
    &control_grasp,
    &control_synflow,
    &control_continue,
    &control_edge_popup,
    &control_masked,
};
static const struct measure_kind *const measures[] = {
    &measure_norms,
    &measure_jaccard,
    &measure_accuracy_change,
    &measure_fourier,
    &measure_histogram,
    &measure_pca,
    &measure_progress,
    &measure_subnetwork,
    &measure_llc,
    &measure_graph,
};
// clang-format on

enum { KINDS = 32 };

/* Every plug-in's table begins with its struct kind, so a pointer to one is a pointer to the other. */
static const struct {
    const void *const *row;
    size_t count;
} list[PLUGINS] = {
    [PLUGIN_TASK] = { (const void *const *)tasks, ARRAY_LEN(tasks) },
    [PLUGIN_MODEL] = { (const void *const *)models, ARRAY_LEN(models) },
    [PLUGIN_OPTIMIZER] = { (const void *const *)optimizers, ARRAY_LEN(optimizers) },
    [PLUGIN_CONTROL] = { (const void *const *)controls, ARRAY_LEN(controls) },
    [PLUGIN_MEASURE] = { (const void *const *)measures, ARRAY_LEN(measures) },
};

const struct kind *const *registry_kinds(enum plugin sort)
{
    static const struct kind *kinds[PLUGINS][KINDS + 1];
    MUST(list[sort].count <= KINDS);
    for (size_t i = 0; i < list[sort].count; i++) kinds[sort][i] = list[sort].row[i];
    return kinds[sort];
}

static const void *find(enum plugin sort, const char *name)
{
    for (size_t i = 0; i < list[sort].count; i++)
        if (!strcmp(((const struct kind *)list[sort].row[i])->name, name)) return list[sort].row[i];
    BUG("no plug-in is called '%s'", name);
}

const struct task_kind *registry_task(const char *name)
{
    return find(PLUGIN_TASK, name);
}

const struct model_kind *registry_model(const char *name)
{
    return find(PLUGIN_MODEL, name);
}

const struct optimizer_kind *registry_optimizer(const char *name)
{
    return find(PLUGIN_OPTIMIZER, name);
}

const struct control_kind *registry_control(const char *name)
{
    return find(PLUGIN_CONTROL, name);
}

const struct measure_kind *registry_measure(const char *name)
{
    return find(PLUGIN_MEASURE, name);
}
