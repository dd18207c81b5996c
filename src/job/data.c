#include "job/data.h"
#include "job/inputs.h"
#include "job/registry.h"

#include <string.h>

int job_data_shape(struct job_data *out, const struct job_spec *spec, struct task_split *split, struct arena *a,
                   struct err *e)
{
    struct input in = spec->split;
    *split = (struct task_split){ .train = NULL };
    if (in.digest[0] && input_split(&in, split, a, e)) return -1;
    if (strcmp(in.digest, spec->split.digest) != 0)
        return err_set(e, ERR_JOB, "the split in '%s' is no longer the one that was planned", in.file);
    return spec_shape(spec, split->n_train, split->n_test, &out->shape, e) ||
                   spec_layout(spec, &out->shape, &out->layout, e)
               ? -1
               : 0;
}

int job_data_build(struct job_data *out, const struct job_spec *spec, struct arena *a, struct err *e)
{
    struct task_split split;
    struct job_spec same = *spec; /* a task's files must still be those that were planned */
    if (spec_digest(&same, e) || job_data_shape(out, spec, &split, a, e)) return -1;
    return registry_task(spec->task->name)
        ->build(spec->task_config, spec->seed, split.train ? &split : NULL, a, &out->set, e);
}

int job_data_draw(struct job_data *out, const struct job_spec *spec, struct arena *a, struct err *e)
{
    struct job_spec own = *spec;
    own.split = (struct input){ 0 };
    return job_data_build(out, &own, a, e);
}
