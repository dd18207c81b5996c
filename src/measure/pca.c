#define TOMBOLA_REAL 64
#include "measure/measure.h"

#include "model/model.h"
#include "num/blas.h"
#include "num/eigen.h"

#include <math.h>

enum { COMPONENTS = 2 };
enum { COORDINATE, EXPLAINED };

static size_t symbols(const struct measure_site *at)
{
    return (size_t)at->shape->vocabulary;
}

static size_t components_and_symbols(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    length[0] = COMPONENTS;
    length[1] = symbols(at);
    return 2;
}

static size_t components(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    (void)at;
    length[0] = COMPONENTS;
    return 1;
}

static const struct measure_column columns[] = {
    [COORDINATE] = { "coordinate", "1",
                     "of each symbol's embedding along the two directions of largest variance, the mean removed; the "
                     "coordinate of largest size is positive, the first of equals",
                     "component, symbol", components_and_symbols, NULL },
    [EXPLAINED] = { "explained", "1", "share of the variance along each of them", "component", components, NULL },
    { .name = NULL },
};

/* X (symbols, d): the embedding of each symbol, the mean over the symbols removed. */
static double *centred(const struct measure_probe *p, size_t d)
{
    const struct tensor *embed = layout_find(p->at.layout, p->at.model->symbols->embed);
    const size_t n = symbols(&p->at), all = (size_t)embed->dim[1];
    double *x = ARENA_NEW(p->scratch, n * d, double);
    for (size_t j = 0; j < d; j++) {
        const double *row = p->theta + embed->offset + j * all;
        double mean = 0;
        for (size_t s = 0; s < n; s++) mean += row[s] / (double)n;
        for (size_t s = 0; s < n; s++) x[s * d + j] = row[s] - mean;
    }
    return x;
}

/* The eigenvectors of X X' times the roots of its eigenvalues are the coordinates. */
static int run(const struct measure_probe *p, double *const *out, struct err *e)
{
    (void)e;
    const size_t n = symbols(&p->at), d = (size_t)layout_find(p->at.layout, p->at.model->symbols->embed)->dim[0];
    const double *x = centred(p, d);
    double *gram = ARENA_NEW(p->scratch, n * n, double), *vector = ARENA_NEW(p->scratch, n * n, double);
    double *value = ARENA_NEW(p->scratch, n, double), sum = 0;
    blas_gemm_nt(gram, x, x, n, n, d, 0);
    eigen_symmetric(gram, n, value, vector);
    for (size_t i = 0; i < n; i++) sum += fmax(value[i], 0);
    for (size_t c = 0; c < COMPONENTS; c++) {
        const double *v = vector + c * n, length = sqrt(fmax(value[c], 0));
        size_t largest = 0;
        for (size_t s = 1; s < n; s++)
            if (fabs(v[s]) > fabs(v[largest])) largest = s;
        for (size_t s = 0; s < n; s++) out[COORDINATE][c * n + s] = (v[largest] < 0 ? -length : length) * v[s];
        if (sum > 0) out[EXPLAINED][c] = fmax(value[c], 0) / sum;
    }
    return 0;
}

static int fits(const struct measure_site *at, struct err *e)
{
    if (at->model->symbols && at->shape->vocabulary >= COMPONENTS) return 0;
    return err_set(e, ERR_SPEC, "model %s embeds no symbols", at->model->kind.name);
}

const struct measure_kind measure_pca = {
    .kind = { .name = "pca",
              .summary = "the embedding of the symbols along its two principal components",
              .source = "Minegishi et al. (arXiv 2310.19470): pictures of the representations" },
    .columns = columns,
    .fits = fits,
    .run = run,
};
