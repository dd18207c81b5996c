#include "job/data.h"
#include "job/inputs.h"
#include "job/registry.h"

#include <string.h>

int job_data_build(struct job_data *out, const struct job_spec *spec, struct arena *a, struct err *e)
{
    struct task_split split = { 0 };
    struct input in = spec->split;
    const bool given = in.digest[0];
    if (given && input_split(&in, &split, a, e)) return -1;
    if (given && strcmp(in.digest, spec->split.digest) != 0)
        return err_set(e, ERR_JOB, "the split in '%s' is no longer the one that was planned", in.file);
    if (spec_shape(spec, split.n_train, split.n_test, &out->shape, e)) return -1;
    if (spec_layout(spec, &out->shape, &out->layout, e)) return -1;
    return registry_task(spec->task->name)
        ->build(spec->task_config, spec->seed, given ? &split : NULL, a, &out->set, e);
}
