/** job/registry.h: every plug-in, in one list.  They are listed where each sort is declared: TASKS in
 * task/task.h, MODELS in model/model.h, OPTIMIZERS in train/train.h, CONTROLS in prune/control.h, MEASURES in
 * measure/measure.h. */
#ifndef TOMBOLA_JOB_REGISTRY_H
#define TOMBOLA_JOB_REGISTRY_H

#include "measure/measure.h"
#include "model/model.h"
#include "num/real.h"
#include "prune/control.h"
#include "task/task.h"
#include "train/train.h"

enum plugin { PLUGIN_TASK, PLUGIN_MODEL, PLUGIN_OPTIMIZER, PLUGIN_CONTROL, PLUGIN_MEASURE, PLUGINS };

#define registry_kinds     REAL_NAME(registry_kinds)
#define registry_task      REAL_NAME(registry_task)
#define registry_model     REAL_NAME(registry_model)
#define registry_optimizer REAL_NAME(registry_optimizer)
#define registry_control   REAL_NAME(registry_control)
#define registry_measure   REAL_NAME(registry_measure)

/** What everybody may know of the plug-ins of one sort; NULL-terminated, in the order of the registry. */
const struct kind *const *registry_kinds(enum plugin sort);

/** The full table of the plug-in of that name, in this file's precision.  The name must be in the registry. */
const struct task_kind *registry_task(const char *name);
const struct model_kind *registry_model(const char *name);
const struct optimizer_kind *registry_optimizer(const char *name);
const struct control_kind *registry_control(const char *name);
const struct measure_kind *registry_measure(const char *name);
/** The model's table in float, whatever this file's precision. */
const struct model_kind_f32 *registry_model_f32(const char *name);

/** The names of one sort, NULL-terminated, as the choices of a field. */
const char *const *registry_names(enum plugin sort);
/** NULL if there is none of that name. */
const struct kind *registry_find(enum plugin sort, const char *name);

#endif
