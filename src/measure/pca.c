#define TOMBOLA_REAL 64
#include "measure/symbols.h"

#include "model/model.h"
#include "num/blas.h"
#include "num/eigen.h"

#include <math.h>

struct pca_config {
    char symbols[SYMBOLS_NAME];
};
static const struct field fields[] = {
    FIELD_CHARS(pca_config, symbols, TEXT, "", "of model net: the operation that embeds the symbols, as embed1"),
    FIELD_END,
};

static struct symbols_table embedding(const struct measure_site *at)
{
    const struct pca_config *c = at->options;
    return symbols_find(at, at->model->symbols ? at->model->symbols->embed : "", c->symbols);
}

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
static double *centred(const struct measure_probe *p, const struct symbols_table *t)
{
    const size_t n = symbols(&p->at), d = t->width;
    const double *embed = symbols_copy(p, t, n);
    double *x = ARENA_NEW(p->scratch, n * d, double);
    for (size_t j = 0; j < d; j++) {
        const double *row = embed + j * n;
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
    const struct symbols_table table = embedding(&p->at);
    const size_t n = symbols(&p->at), d = table.width;
    const double *x = centred(p, &table);
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
    const struct pca_config *c = at->options;
    const struct symbols_table t = embedding(at);
    if (!at->model->symbols && c->symbols[0] && !t.tensor) return symbols_missing(at, "symbols", c->symbols, e);
    if (t.tensor && at->shape->vocabulary >= COMPONENTS && t.count >= symbols(at)) return 0;
    return err_set(e, ERR_SPEC, "model %s embeds no symbols; of net, 'symbols' of the measure says where",
                   at->model->kind.name);
}

const struct measure_kind measure_pca = {
    .kind = { .name = "pca",
              .summary = "the embedding of the symbols along its two principal components",
              .source = "Minegishi et al. (arXiv 2310.19470): pictures of the representations",
              .fields = fields,
              .config_size = sizeof(struct pca_config) },
    .columns = columns,
    .fits = fits,
    .run = run,
};
