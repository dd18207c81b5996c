#define TOMBOLA_REAL 64
#include "measure/measure.h"

#include "num/mask.h"

#include <math.h>

struct jaccard_config {
    double k;
    int scope;
};
static const struct field fields[] = {
    FIELD_NUMBER(jaccard_config, k, REAL, "0.6", "(0, 1)", "1",
                 "prune rate of the magnitude masks that are compared"),
    FIELD_CHOSEN(jaccard_config, scope, CHOICE, "global", scope_names,
                 "prune over all weights together or tensor by tensor"),
    FIELD_END,
};

static const struct measure_column columns[] = {
    { "distance", "1",
      "1 - |A and B| / |A or B| of the weights kept now and at the previous checkpoint; 0: the same mask", "tensor",
      measure_whole_and_tensors, measure_label_tensors },
    { "kept", "element", "weights that the mask of this checkpoint keeps", "tensor", measure_whole_and_tensors,
      measure_label_tensors },
    { .name = NULL },
};

static uint8_t *magnitude_mask(const struct measure_probe *p, const double *theta)
{
    const struct jaccard_config *c = p->at.options;
    const size_t n = p->at.layout->n;
    double *score = ARENA_NEW(p->scratch, n, double);
    uint8_t *mask = ARENA_NEW(p->scratch, n, uint8_t);
    for (size_t i = 0; i < n; i++) score[i] = fabs(theta[i]);
    mask_from_scores(mask, score, p->at.layout, c->k, (enum scope)c->scope);
    return mask;
}

struct counts {
    size_t kept, both, either;
};

static struct counts count(const uint8_t *now, const uint8_t *before, const struct tensor *t)
{
    struct counts c = { 0 };
    for (size_t i = t->offset; i < t->offset + t->size; i++) {
        c.kept += now[i];
        c.both += now[i] & before[i];
        c.either += now[i] | before[i];
    }
    return c;
}

static void put(double *const *out, size_t at, const struct counts *c, bool compared)
{
    if (compared) out[0][at] = c->either ? 1 - (double)c->both / (double)c->either : 0;
    out[1][at] = (double)c->kept;
}

static int run(const struct measure_probe *p, double *const *out, struct err *e)
{
    (void)e;
    const uint8_t *now = magnitude_mask(p, p->theta), *before = p->previous ? magnitude_mask(p, p->previous) : now;
    struct counts all = { 0 };
    for (int i = 0; i < p->at.layout->count; i++) {
        const struct tensor *t = &p->at.layout->tensor[i];
        if (!t->prunable) continue;
        const struct counts c = count(now, before, t);
        put(out, (size_t)i + 1, &c, p->previous != NULL);
        all.kept += c.kept;
        all.both += c.both;
        all.either += c.either;
    }
    put(out, 0, &all, p->previous != NULL);
    return 0;
}

const struct measure_kind measure_jaccard = {
    .kind = { .name = "jaccard",
              .summary = "how much the magnitude mask has changed since the regular checkpoint before; those at mem "
                         "and gen are none",
              .source = "Minegishi et al. (arXiv 2310.19470), section 5: the Jaccard distance of masks",
              .fields = fields,
              .config_size = sizeof(struct jaccard_config) },
    .columns = columns,
    .run = run,
};
