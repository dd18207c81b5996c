#define TOMBOLA_REAL 64
#include "measure/measure.h"

#include <math.h>

enum { L1, L2, SQUARES, SUMS, L1_MASKED = SUMS, L2_MASKED, SQUARES_MASKED, COLUMNS };
#define NORM(column, text)                                                                                           \
    {                                                                                                                \
        .name = column, .unit = "1", .help = text, .axes = "tensor", .shape = measure_whole_and_tensors,             \
        .labels = measure_label_tensors                                                                              \
    }
static const struct measure_column columns[] = {
    [L1] = NORM("l1", "sum of |w|, over the whole vector and over each tensor"),
    [L2] = NORM("l2", "root of the sum of w^2"),
    [SQUARES] = NORM("sum_squares", "sum of w^2"),
    [L1_MASKED] = NORM("l1_masked", "sum of |w m|, m the job's mask (all ones if it has none)"),
    [L2_MASKED] = NORM("l2_masked", "root of the sum of (w m)^2"),
    [SQUARES_MASKED] = NORM("sum_squares_masked", "sum of (w m)^2"),
    [COLUMNS] = { .name = NULL },
};

/* Sums over one tensor, dense and masked. */
static void add_tensor(const struct measure_probe *p, const struct tensor *t, double l1[2], double squares[2])
{
    for (size_t i = t->offset; i < t->offset + t->size; i++) {
        const double w = p->theta[i], m = p->mask[i] ? 1 : 0;
        l1[0] += fabs(w);
        squares[0] += w * w;
        l1[1] += m * fabs(w);
        squares[1] += m * w * w;
    }
}

static void put(double *const *out, size_t at, const double l1[2], const double squares[2])
{
    for (size_t masked = 0; masked < 2; masked++) {
        out[SUMS * masked + L1][at] = l1[masked];
        out[SUMS * masked + L2][at] = sqrt(squares[masked]);
        out[SUMS * masked + SQUARES][at] = squares[masked];
    }
}

static int run(const struct measure_probe *p, double *const *out, struct err *e)
{
    (void)e;
    double l1[2] = { 0 }, squares[2] = { 0 };
    for (int i = 0; i < p->at.layout->count; i++) {
        double tensor_l1[2] = { 0 }, tensor_squares[2] = { 0 };
        add_tensor(p, &p->at.layout->tensor[i], tensor_l1, tensor_squares);
        put(out, (size_t)i + 1, tensor_l1, tensor_squares);
        for (size_t masked = 0; masked < 2 && !p->at.layout->tensor[i].state; masked++) {
            l1[masked] += tensor_l1[masked];
            squares[masked] += tensor_squares[masked];
        }
    }
    put(out, 0, l1, squares);
    return 0;
}

const struct measure_kind measure_norms = {
    .kind = { .name = "norms",
              .summary = "L1 and L2 norms of the weights, with and without the mask",
              .source = "Minegishi et al. (arXiv 2310.19470): what l1 and l2 controls share with a ticket" },
    .columns = columns,
    .run = run,
};
