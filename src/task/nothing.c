#include "task/task.h"

#include <stddef.h>

static const struct field fields[] = {
    FIELD_NUMBER(nothing_config, seconds, REAL, "0", "[0, 86400]", "s", "how long a job takes"),
    FIELD_NUMBER(nothing_config, fail_every, INT, "0", "[0, 1000000]", "1",
                 "a job fails if its seed is a multiple of this; 0: none does"),
    FIELD_NUMBER(nothing_config, die_on, INT, "-1", "[-1, 1e15]", "1",
                 "the job with this seed kills its rank; -1: none does"),
    FIELD_END,
};

static const int32_t tokens[] = { 0, 1, 1, 0 }, labels[] = { 0, 1, 1, 0 };

static int shape(const void *config, struct task_shape *out, struct err *e)
{
    (void)config, (void)e;
    *out = (struct task_shape){ .n_train = 2, .n_test = 2, .width = 1, .vocabulary = 2, .classes = 2 };
    return 0;
}

static int build(const void *config, uint64_t seed, const struct task_split *given, struct arena *a,
                 struct task_data *out, struct err *e)
{
    (void)config, (void)seed, (void)a;
    if (given && given->train) return err_set(e, ERR_SPEC, "task nothing takes no split");
    *out = (struct task_data){ .train = { .n = 2, .width = 1, .token = tokens, .label = labels },
                               .test = { .n = 2, .width = 1, .token = tokens + 2, .label = labels + 2 },
                               .vocabulary = 2,
                               .classes = 2 };
    return 0;
}

const struct task_kind task_nothing = {
    .kind = { .name = "nothing",
              .summary = "trains nothing: sleeps, fails or dies on demand, to try a farm and a store",
              .source = "",
              .fields = fields,
              .config_size = sizeof(struct nothing_config) },
    .shape = shape,
    .build = build,
};
