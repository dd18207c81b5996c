#define TOMBOLA_REAL 64
#include "measure/llc.h"

#include "base/text.h"
#include "measure/sgld.h"

#include <math.h>
#include <stdio.h>

struct llc_config {
    double epsilon, gamma, noise, weight_decay;
    int64_t draws, chains, burn_in, batch;
};
/* The defaults are in the plateau of sweeps/llc.yaml. */
static const struct field fields[] = {
    FIELD_NUMBER(
        llc_config, epsilon, REAL, "1e-4", "(0, 1]", "1",
        "step size: w <- w - epsilon/2 (nbeta grad L + weight_decay w + gamma (w - w0)) + sqrt(epsilon) noise z"),
    FIELD_NUMBER(
        llc_config, gamma, REAL, "1000", "[0, 1e9]", "1",
        "pull towards the checkpoint w0 (localization; elasticity in devinterp of 2023); the estimate depends on it"),
    FIELD_NUMBER(llc_config, draws, INT, "200", "[1, 1e6]", "draw", "steps of a chain after burn_in"),
    FIELD_NUMBER(llc_config, chains, INT, "4", "[1, 1000]", "chain",
                 "independent walks, each from w0 with its own random stream"),
    FIELD_NUMBER(llc_config, burn_in, INT, "50", "[0, 1e6]", "draw", "first steps of a chain that no estimate uses"),
    FIELD_NUMBER(llc_config, noise, REAL, "1", "[0, 1000]", "1",
                 "factor on the noise; 1 is Langevin's, 0 plain descent"),
    FIELD_NUMBER(llc_config, weight_decay, REAL, "0", "[0, 1e6]", "1", "pull towards 0"),
    FIELD_NUMBER(llc_config, batch, INT, "0", "[0, 1e9]", "example",
                 "of the training set in each step; 0: all of it.  Minibatches go through it in random order"),
    FIELD_END,
};

static const struct llc_config *config_of(const struct measure_site *at)
{
    return at->options;
}

static int64_t steps(const struct llc_config *c)
{
    return c->burn_in + c->draws;
}

/* ---- columns ---- */

static void label_estimates(const struct measure_site *at, struct buf *out)
{
    (void)at;
    buf_text(out, "devinterp,post_update,second_half");
}

static size_t estimates(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    (void)at;
    length[0] = LLC_ESTIMATES;
    return 1;
}

static size_t chains(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    length[0] = (size_t)config_of(at)->chains;
    return 1;
}

static size_t chains_and_estimates(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    length[1] = LLC_ESTIMATES;
    return 1 + chains(at, length);
}

static size_t chains_and_steps(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    length[1] = (size_t)steps(config_of(at)) + 1;
    return 1 + chains(at, length);
}

enum { LLC, LLC_STD, CHAIN, DIVERGED, INITIAL_LOSS, LOSS };
static const struct measure_column columns[] = {
    [LLC] = { "llc", "1",
              "nbeta (mean loss of a chain - L(w0)), nbeta = n / log n, n training examples; mean over the chains, "
              "NaN if one diverged.  devinterp: losses before each update, as devinterp takes them; post_update: "
              "after each; second_half: after each of the second half of the draws",
              "estimate", estimates, label_estimates },
    [LLC_STD] = { "llc_std", "1", "standard deviation over the chains (n - 1); NaN of one chain", "estimate",
                  estimates, label_estimates },
    [CHAIN] = { "chain", "1", "the estimates of each chain; NaN if it diverged", "chain, estimate",
                chains_and_estimates, label_estimates },
    [DIVERGED] = { "diverged", "draw",
                   "steps after which the chain was given up, because its loss was not finite or nbeta (L - L(w0)) "
                   "above max(m, m/2 + sqrt(30 m) + 30), m kept weights: twice what an llc can be, and beyond all "
                   "chance where m is small; -1: it was not",
                   "chain", chains, NULL },
    [INITIAL_LOSS] = { .name = "initial_loss", .unit = "loss", .help = "L(w0): mean loss of the training set" },
    [LOSS] = { "loss", "loss",
               "the chain's trace: before its first step, after the first, ..., after the last; with batch, of the "
               "minibatch of the step that follows",
               "chain, draw", chains_and_steps, NULL },
    { .name = NULL },
};

/* ---- one chain ---- */

static int walk(const struct sgld *s, double *losses, int64_t *left, struct err *e)
{
    const struct measure_site *at = &s->probe->at;
    return at->single ? sgld_walk_f32(s, at->single, losses, left, NULL, e)
                      : sgld_walk_f64(s, at->model, losses, left, NULL, e);
}

static double mean(const double *x, int64_t from, int64_t to)
{
    double sum = 0;
    for (int64_t i = from; i < to; i++) sum += x[i];
    return sum / (double)(to - from);
}

void llc_estimates(double out[LLC_ESTIMATES], const double *losses, int64_t burn_in, int64_t draws, double initial,
                   double nbeta)
{
    const int64_t end = burn_in + draws;
    out[LLC_DEVINTERP] = nbeta * (mean(losses, burn_in, end) - initial);
    out[LLC_POST_UPDATE] = nbeta * (mean(losses, burn_in + 1, end + 1) - initial);
    out[LLC_SECOND_HALF] = nbeta * (mean(losses, burn_in + 1 + draws / 2, end + 1) - initial);
}

/* What a chain of the measure `out` has to say; the trace ends with the last finite loss. */
static int one_chain(struct sgld *s, int64_t chain, double *const *out, struct err *e)
{
    const struct llc_config *c = config_of(&s->probe->at);
    double *losses = out[LOSS] + chain * (s->steps + 1);
    char stream[64];
    int64_t left;
    MUST(text_print(stream, sizeof stream, "measure/llc/%lld/%lld", (long long)s->probe->epoch, (long long)chain));
    s->stream = stream;
    if (walk(s, losses, &left, e)) return -1;
    out[DIVERGED][chain] = (double)left;
    if (left < 0)
        llc_estimates(out[CHAIN] + chain * LLC_ESTIMATES, losses, c->burn_in, c->draws, out[INITIAL_LOSS][0],
                      s->nbeta);
    else if (!isfinite(losses[left]))
        losses[left] = (double)NAN;
    return 0;
}

/* ---- all of them ---- */

static void over_chains(const struct llc_config *c, double *const *out)
{
    const double count = (double)c->chains;
    for (int i = 0; i < LLC_ESTIMATES; i++) {
        double sum = 0, squares = 0;
        for (int64_t k = 0; k < c->chains; k++) sum += out[CHAIN][k * LLC_ESTIMATES + i];
        for (int64_t k = 0; k < c->chains; k++) squares += pow(out[CHAIN][k * LLC_ESTIMATES + i] - sum / count, 2);
        out[LLC][i] = sum / count;
        if (c->chains > 1) out[LLC_STD][i] = sqrt(squares / (count - 1));
    }
}

static size_t kept(const struct measure_probe *p)
{
    size_t sum = 0;
    for (size_t i = 0; i < p->at.layout->n; i++) sum += p->mask[i] != 0;
    return sum - (p->at.layout->n - layout_weights(p->at.layout)); /* which no mask removes */
}

/* Of nbeta (L - L(w0)).  About a regular minimum of m weights it is Gamma(m/2) distributed without the pull, which
 * exceeds m/2 + sqrt(30 m) + 30 with a probability below e^-30 (Laurent and Massart, lemma 1). */
static double bound(double m)
{
    return fmax(m, m / 2 + sqrt(30 * m) + 30);
}

static int run(const struct measure_probe *p, double *const *out, struct err *e)
{
    const struct llc_config *c = config_of(&p->at);
    const double n = (double)p->data->train.n, nbeta = n / log(n);
    int64_t left;
    const struct sgld here = { .probe = p, .bound = (double)INFINITY, .stream = "" };
    if (walk(&here, out[INITIAL_LOSS], &left, e)) return -1;
    struct sgld s = { .probe = p,
                      .epsilon = c->epsilon,
                      .gamma = c->gamma,
                      .noise = c->noise,
                      .weight_decay = c->weight_decay,
                      .nbeta = nbeta,
                      .bound = out[INITIAL_LOSS][0] + bound((double)kept(p)) / nbeta,
                      .steps = steps(c),
                      .batch = c->batch };
    for (int64_t chain = 0; chain < c->chains; chain++)
        if (one_chain(&s, chain, out, e)) return -1;
    over_chains(c, out);
    return 0;
}

static int fits(const struct measure_site *at, struct err *e)
{
    if (at->shape->n_train > 1) return 0;
    return err_set(e, ERR_SPEC, "needs two training examples or more, for n / log n");
}

static double ticks(const struct measure_site *at)
{
    return (double)config_of(at)->chains * (double)steps(config_of(at));
}

const struct measure_kind measure_llc = {
    .kind = { .name = "llc",
              .summary = "local learning coefficient, from random walks (SGLD) about the kept weights, in the job's "
                         "precision",
              .source = "Lau et al. (arXiv 2308.12108), algorithm 1; devinterp, which names its estimator otherwise",
              .fields = fields,
              .config_size = sizeof(struct llc_config) },
    .columns = columns,
    .fits = fits,
    .run = run,
    .ticks = ticks,
};
