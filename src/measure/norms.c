#include "measure/measure.h"

#include "num/real.h"

#include <math.h>
#include <stddef.h>

static size_t whole_and_tensors(const struct layout *layout)
{
    return 1 + (size_t)layout->count;
}

static void labels(const struct layout *layout, struct buf *out)
{
    buf_text(out, "all");
    for (int i = 0; i < layout->count; i++) buf_print(out, ",%s", layout->tensor[i].name);
}

enum { L1, L2, L1_MASKED, L2_MASKED };
static const struct measure_column columns[] = {
    [L1] = { .name = "l1",
             .unit = "1",
             .help = "sum of |w|, over the whole vector and over each tensor",
             .values = whole_and_tensors,
             .labels = labels },
    [L2] = { .name = "l2",
             .unit = "1",
             .help = "root of the sum of w^2, over the whole vector and over each tensor",
             .values = whole_and_tensors,
             .labels = labels },
    [L1_MASKED] = { .name = "l1_masked",
                    .unit = "1",
                    .help = "sum of |w m|, m the job's mask (all ones if it has none)",
                    .values = whole_and_tensors,
                    .labels = labels },
    [L2_MASKED] = { .name = "l2_masked",
                    .unit = "1",
                    .help = "root of the sum of (w m)^2",
                    .values = whole_and_tensors,
                    .labels = labels },
    { .name = NULL },
};

/* One tensor's sums, without the root. */
static void add_tensor(const struct measure_probe *p, const struct tensor *t, double sum[4])
{
    for (size_t i = t->offset; i < t->offset + t->size; i++) {
        double w = (double)p->theta[i], m = p->mask[i] ? 1 : 0;
        sum[L1] += fabs(w);
        sum[L2] += w * w;
        sum[L1_MASKED] += m * fabs(w);
        sum[L2_MASKED] += m * w * w;
    }
}

static int run(const struct measure_probe *p, double *const *out, struct err *e)
{
    (void)e;
    double whole[4] = { 0 };
    for (int i = 0; i < p->layout->count; i++) {
        double sum[4] = { 0 };
        add_tensor(p, &p->layout->tensor[i], sum);
        for (int j = 0; j < 4; j++) {
            whole[j] += sum[j];
            out[j][i + 1] = j == L2 || j == L2_MASKED ? sqrt(sum[j]) : sum[j];
        }
    }
    for (int j = 0; j < 4; j++) out[j][0] = j == L2 || j == L2_MASKED ? sqrt(whole[j]) : whole[j];
    return 0;
}

const struct measure_kind measure_norms = {
    .kind = { .name = "norms",
              .summary = "L1 and L2 norms of the weights, with and without the mask",
              .source = "Minegishi et al. (arXiv 2310.19470): what l1 and l2 controls share with a ticket" },
    .columns = columns,
    .run = run,
};
