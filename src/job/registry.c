#include "job/registry.h"
#include "num/real.h"

#include <string.h>

/* The lists of task/task.h, model/model.h, ... as tables. */
#define TASK_ROW(name)      &task_##name.kind,
#define MODEL_ROW(name)     &REAL_NAME(model_##name).kind,
#define OPTIMIZER_ROW(name) &REAL_NAME(optimizer_##name).kind,
#define CONTROL_ROW(name)   &REAL_NAME(control_##name).kind,
#define MEASURE_ROW(name)   &measure_##name.kind,
static const struct kind *const tasks[] = { TASKS(TASK_ROW) NULL };
static const struct kind *const models[] = { MODELS(MODEL_ROW) NULL };
static const struct kind *const optimizers[] = { OPTIMIZERS(OPTIMIZER_ROW) NULL };
static const struct kind *const controls[] = { CONTROLS(CONTROL_ROW) NULL };
static const struct kind *const measures[] = { MEASURES(MEASURE_ROW) NULL };
static const struct kind *const *const list[PLUGINS] = { [PLUGIN_TASK] = tasks,
                                                         [PLUGIN_MODEL] = models,
                                                         [PLUGIN_OPTIMIZER] = optimizers,
                                                         [PLUGIN_CONTROL] = controls,
                                                         [PLUGIN_MEASURE] = measures };

const struct kind *const *registry_kinds(enum plugin sort)
{
    return list[sort];
}

/* Every plug-in's table begins with its struct kind, so a pointer to one is a pointer to the other. */
static const void *find(enum plugin sort, const char *name)
{
    for (const struct kind *const *k = list[sort]; *k; k++)
        if (!strcmp((*k)->name, name)) return *k;
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
