#define TOMBOLA_REAL 64
#include "measure/measure.h"

static const struct measure_column columns[] = {
    { .name = "train", .unit = "1", .help = "training accuracy minus that at the previous checkpoint" },
    { .name = "test", .unit = "1", .help = "test accuracy minus that at the previous checkpoint" },
    { .name = NULL },
};

static int run(const struct measure_probe *p, double *const *out, struct err *e)
{
    (void)e;
    if (!p->previous) return 0;
    const struct dataset *const set[] = { &p->data->train, &p->data->test };
    for (size_t i = 0; i < ARRAY_LEN(set); i++)
        out[i][0] =
            measure_evaluate(p, p->theta, set[i]).accuracy - measure_evaluate(p, p->previous, set[i]).accuracy;
    return 0;
}

const struct measure_kind measure_accuracy_change = {
    .kind = { .name = "accuracy_change",
              .summary = "how much the accuracies have changed since the regular checkpoint before, beside jaccard",
              .source = "Minegishi et al. (arXiv 2310.19470), figure 7" },
    .columns = columns,
    .runs_net = true,
    .run = run,
};
