#define TOMBOLA_REAL 64
#include "measure/measure.h"

#include <math.h>

struct histogram_config {
    int64_t bins;
    double range[2];
};
static int check(const struct measure_site *at, struct err *e)
{
    const struct histogram_config *c = at->options;
    if (c->range[0] < c->range[1]) return 0;
    return err_set(e, ERR_SPEC, "range is [%g, %g]; the second number must be the larger", c->range[0], c->range[1]);
}
static const struct field fields[] = {
    FIELD_NUMBER(histogram_config, bins, INT, "100", "[1, 10000]", "1", "of equal width"),
    FIELD_NUMBER(histogram_config, range, REALS, "[-1, 1]", NULL, "1",
                 "from the lower edge of the first bin to the upper edge of the last"),
    FIELD_END,
};

static size_t tensors_and_bins(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    measure_whole_and_tensors(at, length);
    length[1] = (size_t)((const struct histogram_config *)at->options)->bins;
    return 2;
}

static size_t tensors_and_ends(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    measure_whole_and_tensors(at, length);
    length[1] = 2;
    return 2;
}

static void label_ends(const struct measure_site *at, struct buf *out)
{
    (void)at;
    buf_text(out, "below,above");
}

static void label_bins(const struct measure_site *at, struct buf *out)
{
    const struct histogram_config *c = at->options;
    for (int64_t i = 0; i < c->bins; i++) {
        buf_text(out, i ? "," : "");
        buf_real(out, c->range[0] + (c->range[1] - c->range[0]) * (double)i / (double)c->bins);
    }
}

enum { COUNT, OUTSIDE };
static const struct measure_column columns[] = {
    [COUNT] = { "count", "element",
                "kept weights in each bin, which its lower edge names; first of all tensors together", "tensor, bin",
                tensors_and_bins, label_bins },
    [OUTSIDE] = { "outside", "element", "kept weights below the first and above the last bin", "tensor, end",
                  tensors_and_ends, label_ends },
    { .name = NULL },
};

/* The place of a weight in out: of the whole or of a tensor. */
static double *place(const struct histogram_config *c, double *const *out, size_t tensor, double w)
{
    const double at = floor((w - c->range[0]) / (c->range[1] - c->range[0]) * (double)c->bins);
    if (w < c->range[0]) return &out[OUTSIDE][2 * tensor];
    if (w > c->range[1]) return &out[OUTSIDE][2 * tensor + 1];
    const size_t bin =
        at < (double)c->bins ? (size_t)at : (size_t)c->bins - 1; /* the upper edge belongs to the last */
    return &out[COUNT][tensor * (size_t)c->bins + bin];
}

static int run(const struct measure_probe *p, double *const *out, struct err *e)
{
    (void)e;
    const struct histogram_config *c = p->at.options;
    for (size_t i = 0; columns[i].name; i++)
        for (size_t j = 0, values = measure_values(&columns[i], &p->at); j < values; j++) out[i][j] = 0;
    for (int i = 0; i < p->at.layout->count; i++) {
        const struct tensor *t = &p->at.layout->tensor[i];
        for (size_t j = t->offset; j < t->offset + t->size; j++) {
            if (!p->mask[j]) continue;
            if (!t->state) ++*place(c, out, 0, p->theta[j]);
            ++*place(c, out, (size_t)i + 1, p->theta[j]);
        }
    }
    return 0;
}

const struct measure_kind measure_histogram = {
    .kind = { .name = "histogram",
              .summary = "how the weights that the mask keeps are distributed",
              .source = "",
              .fields = fields,
              .config_size = sizeof(struct histogram_config) },
    .columns = columns,
    .fits = check,
    .run = run,
};
