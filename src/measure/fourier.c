#define TOMBOLA_REAL 64
#include "measure/fourier.h"
#include "measure/symbols.h"

#include "num/blas.h"

#include <math.h>
#include <string.h>

/* Two sides of a hidden neuron i: A[i, x] is what symbol x adds to its input, or what it adds to the logit of x. */
enum side { INPUT, OUTPUT, SIDES };
enum { ENTROPY_FROM0, ENTROPY_FROM1, SPECTRUM, DOMINANT, SHARE, PER_SIDE, MEAN = SIDES * PER_SIDE, COLUMNS };

struct fourier_config {
    char symbols[SYMBOLS_NAME], hidden[SYMBOLS_NAME], out[SYMBOLS_NAME], answers[SYMBOLS_NAME];
    int64_t position;
};
static const struct field fields[] = {
    FIELD_CHARS(fourier_config, symbols, TEXT, "", "of model net: the operation that embeds the symbols, as embed1"),
    FIELD_CHARS(fourier_config, hidden, TEXT, "", "of model net: the dense into the neurons"),
    FIELD_CHARS(fourier_config, out, TEXT, "",
                "of model net: the dense out of the neurons, if that is another than `answers`"),
    FIELD_CHARS(fourier_config, answers, TEXT, "", "of model net: the dense that gives the answers"),
    FIELD_NUMBER(fourier_config, position, INT, "0", "[0, 63]", "1",
                 "of model net, whose hidden dense has the embeddings of several positions beside one another: which "
                 "of them"),
    FIELD_END,
};

/* The four matrices between symbols and answers; out NULL: answers is it. */
struct way {
    struct symbols_table symbols, answers;
    const struct tensor *hidden, *out;
};

static struct way way_of(const struct measure_site *at)
{
    static const struct model_symbols none = { "", "", "", "" };
    const struct fourier_config *c = at->options;
    const struct model_symbols *s = at->model->symbols ? at->model->symbols : &none;
    return (struct way){ symbols_find(at, s->embed, c->symbols), symbols_find(at, s->unembed, c->answers),
                         symbols_map(at, s->in, c->hidden), symbols_map(at, s->out, c->out) };
}

static size_t neurons(const struct measure_site *at)
{
    return (size_t)way_of(at).hidden->dim[0];
}

static size_t symbols(const struct measure_site *at, enum side side)
{
    return (size_t)(side == INPUT ? at->shape->vocabulary : at->shape->classes);
}

static size_t per_neuron(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    length[0] = neurons(at);
    return 1;
}

static size_t in_spectrum(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    length[0] = neurons(at);
    length[1] = fourier_frequencies(symbols(at, INPUT));
    return 2;
}

static size_t out_spectrum(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    length[0] = neurons(at);
    length[1] = fourier_frequencies(symbols(at, OUTPUT));
    return 2;
}

static size_t means(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    (void)at;
    length[0] = SIDES * 2;
    return 1;
}

static void label_means(const struct measure_site *at, struct buf *out)
{
    (void)at;
    buf_text(out, "in_from0,in_from1,out_from0,out_from1");
}

#define NEURON(column, measured_in, text)                                                                            \
    {                                                                                                                \
        .name = column, .unit = measured_in, .help = text, .axes = "neuron", .shape = per_neuron                     \
    }
static const struct measure_column columns[] = {
    NEURON("in_entropy_from0", "nat", "-sum_w p log p, p = F / sum F over the frequencies w = 0, 1, ..., p/2"),
    NEURON("in_entropy_from1", "nat", "the same over w = 1, ..., p/2: without the constant"),
    { "in_spectrum", "1", "F(w) = |sum_x A(x) exp(-2 pi i w x / p)|, A(x): what symbol x adds to the neuron's input",
      "neuron, frequency", in_spectrum, NULL },
    NEURON("in_dominant", "1/p", "frequency w >= 1 with the largest F"),
    NEURON("in_share", "1", "of it in the sum of F over w >= 1"),
    NEURON("out_entropy_from0", "nat", "as in_entropy_from0, A(x): what the neuron adds to the logit of x"),
    NEURON("out_entropy_from1", "nat", "as in_entropy_from1"),
    { "out_spectrum", "1", "F(w) of what the neuron adds to the logits", "neuron, frequency", out_spectrum, NULL },
    NEURON("out_dominant", "1/p", "frequency w >= 1 with the largest F"),
    NEURON("out_share", "1", "of it in the sum of F over w >= 1"),
    { "fe", "nat", "Fourier entropy: the mean over the neurons, dead ones included", "side", means, label_means },
    { .name = NULL },
};
_Static_assert(ARRAY_LEN(columns) == COLUMNS + 1, "a row for each column");

/* ---- one function of the symbol ---- */

size_t fourier_frequencies(size_t symbols)
{
    return symbols / 2 + 1;
}

void fourier_amplitudes(double *out, const double *a, size_t rows, size_t p, struct arena *scratch)
{
    const size_t f = fourier_frequencies(p);
    struct arena_mark m = arena_mark(scratch);
    double *wave = ARENA_NEW(scratch, p * 2 * f, double), *part = ARENA_NEW(scratch, rows * 2 * f, double);
    for (size_t x = 0; x < p; x++)
        for (size_t w = 0; w < f; w++) {
            const double angle = 2 * acos(-1) * (double)(w * x % p) / (double)p;
            wave[x * 2 * f + w] = cos(angle);
            wave[x * 2 * f + f + w] = sin(angle);
        }
    blas_gemm_nn(part, a, wave, rows, 2 * f, p, 0);
    for (size_t i = 0; i < rows; i++)
        for (size_t w = 0; w < f; w++) {
            const double re = part[i * 2 * f + w], im = part[i * 2 * f + f + w];
            out[i * f + w] = sqrt(re * re + im * im);
        }
    arena_rewind(scratch, m);
}

double fourier_entropy(const double *amplitude, size_t from, size_t count)
{
    double sum = 0, entropy = 0;
    for (size_t w = from; w < count; w++) sum += amplitude[w];
    for (size_t w = from; w < count && sum > 0; w++) {
        const double share = amplitude[w] / sum;
        if (share > 0) entropy -= share * log(share);
    }
    return entropy;
}

/* ---- the neurons ---- */

/* hidden (neurons, d) of the position. */
static double *hidden_map(const struct measure_probe *p, const struct way *way, size_t d)
{
    const struct fourier_config *c = p->at.options;
    const size_t all = (size_t)way->hidden->dim[1], k = (size_t)way->hidden->dim[0];
    const double *from = p->theta + way->hidden->offset + (size_t)c->position * d;
    double *W = ARENA_NEW(p->scratch, k * d, double);
    for (size_t i = 0; i < k; i++) memcpy(W + i * d, from + i * all, d * sizeof *W);
    return W;
}

/* A (neurons, symbols) of a side.  The tables may have vectors for more than the task's symbols. */
static double *maps(const struct measure_probe *p, enum side side)
{
    const struct way way = way_of(&p->at);
    const struct symbols_table *table = side == INPUT ? &way.symbols : &way.answers;
    const size_t k = neurons(&p->at), kept = symbols(&p->at, side), all = table->count, d = table->width;
    const double *right = symbols_copy(p, table, all);
    double *whole = ARENA_NEW(p->scratch, k * all, double), *a = ARENA_NEW(p->scratch, k * kept, double);
    if (side == INPUT)
        blas_gemm_nn(whole, hidden_map(p, &way, d), right, k, all, d, 0);
    else if (way.out)
        blas_gemm_tn(whole, p->theta + way.out->offset, right, k, all, d, 0);
    else
        memcpy(whole, right, k * all * sizeof *whole);
    for (size_t i = 0; i < k; i++) memcpy(a + i * kept, whole + i * all, kept * sizeof *a);
    return a;
}

static void one_side(const struct measure_probe *p, enum side side, double *const *out, double *mean)
{
    const size_t k = neurons(&p->at), symbol = symbols(&p->at, side), f = fourier_frequencies(symbol);
    fourier_amplitudes(out[SPECTRUM], maps(p, side), k, symbol, p->scratch);
    mean[0] = mean[1] = 0;
    for (size_t i = 0; i < k; i++) {
        const double *amplitude = out[SPECTRUM] + i * f;
        size_t best = 1;
        double sum = 0;
        for (size_t w = 1; w < f; w++) {
            sum += amplitude[w];
            if (amplitude[w] > amplitude[best]) best = w;
        }
        out[ENTROPY_FROM0][i] = fourier_entropy(amplitude, 0, f);
        out[ENTROPY_FROM1][i] = fourier_entropy(amplitude, 1, f);
        if (sum > 0) out[DOMINANT][i] = (double)best;
        if (sum > 0) out[SHARE][i] = amplitude[best] / sum;
        mean[0] += out[ENTROPY_FROM0][i] / (double)k;
        mean[1] += out[ENTROPY_FROM1][i] / (double)k;
    }
}

static int run(const struct measure_probe *p, double *const *out, struct err *e)
{
    (void)e;
    for (enum side side = INPUT; side < SIDES; side++) one_side(p, side, out + PER_SIDE * side, out[MEAN] + 2 * side);
    return 0;
}

/* Of a list: are there all of them, and do they fit to one another? */
static int list_fits(const struct measure_site *at, struct err *e)
{
    const struct fourier_config *c = at->options;
    const struct way way = way_of(at);
    if (at->shape->vocabulary < 2 || at->shape->classes < 2)
        return err_set(e, ERR_SPEC, "needs symbols whose answers are symbols");
    if (!way.symbols.tensor) return symbols_missing(at, "symbols", c->symbols, e);
    if (!way.hidden) return symbols_missing(at, "hidden", c->hidden, e);
    if (!way.answers.tensor) return symbols_missing(at, "answers", c->answers, e);
    if (!way.out && c->out[0]) return symbols_missing(at, "out", c->out, e);
    const size_t k = (size_t)way.hidden->dim[0], inputs = (size_t)way.hidden->dim[1], d = way.symbols.width;
    const size_t from = way.out ? (size_t)way.out->dim[1] : way.answers.width;
    if (inputs % d || (size_t)c->position >= inputs / d)
        return err_set(e, ERR_SPEC, "'hidden' takes %zu numbers, and a symbol has %zu: there is no position %lld",
                       inputs, d, (long long)c->position);
    if (from != k || (way.out && (size_t)way.out->dim[0] != way.answers.width))
        return err_set(e, ERR_SPEC, "'hidden' gives %zu numbers, and '%s' takes %zu", k, way.out ? "out" : "answers",
                       from);
    if (way.symbols.count < symbols(at, INPUT) || way.answers.count < symbols(at, OUTPUT))
        return err_set(e, ERR_SPEC, "'symbols' or 'answers' has fewer rows than there are symbols");
    return 0;
}

static int fits(const struct measure_site *at, struct err *e)
{
    const struct fourier_config *c = at->options;
    if (!at->model->symbols && c->symbols[0]) return list_fits(at, e);
    if (at->model->symbols && at->shape->vocabulary > 1 && at->shape->classes > 1) return 0;
    return err_set(e, ERR_SPEC, "needs a model on symbols whose answers are symbols, and %s%s%s",
                   at->model->symbols ? "the task gives other data than model " : "there are none in model ",
                   at->model->kind.name,
                   at->model->symbols ? ""
                                      : "; of net, 'symbols' of the measure and its other keys say where they are");
}

const struct measure_kind measure_fourier = {
    .kind = { .name = "fourier",
              .summary = "spectrum and Fourier entropy of each hidden neuron as a function of the symbol",
              .source = "Minegishi et al. (arXiv 2310.19470), appendix F",
              .fields = fields,
              .config_size = sizeof(struct fourier_config) },
    .columns = columns,
    .fits = fits,
    .run = run,
};
