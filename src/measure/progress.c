#define TOMBOLA_REAL 64
#include "measure/progress_private.h"

#include "model/model.h"
#include "num/blas.h"

#include <math.h>
#include <string.h>

/* An evaluation costs about p^4 / 2 exponentials. */
enum { LEAST = 5, MOST = 199 };

enum { KEYS_LAST, KEYS_OWN };
static const char *const whose[] = { [KEYS_LAST] = "last", [KEYS_OWN] = "own", NULL };
static const char *const rules[] = { [RULE_CORRECTED] = "corrected", [RULE_PUBLISHED] = "published", NULL };
static const struct field fields[] = {
    FIELD_CHOSEN(
        progress_config, rule, CHOICE, "corrected", rules,
        "which frequencies are key. corrected: each that explains most of a neuron; published: as the code of Chen "
        "has it, so never the highest, and a neuron that is never active makes basis functions p - 3 and p - 2 key"),
    FIELD_NUMBER(progress_config, threshold, REAL, "0", "[0, 1)", "1",
                 "only neurons count of which the frequency explains more than this (Nanda et al.: 0.85)"),
    FIELD_CHOSEN(progress_config, keys, CHOICE, "last", whose,
                 "which key frequencies the restricted and excluded losses take. last: at every checkpoint those of "
                 "the job's last (Nanda et al.); own: of each checkpoint its own (the code of Chen)"),
    FIELD_END,
};

/* ---- columns ---- */

static size_t symbols(const struct measure_site *at)
{
    return (size_t)at->shape->classes;
}

static size_t neurons(const struct measure_site *at)
{
    return (size_t)layout_find(at->layout, at->model->symbols->out)->dim[1];
}

static size_t per_set(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    (void)at;
    length[0] = PROGRESS_SETS;
    return 1;
}

static size_t per_frequency(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    length[0] = progress_frequencies(symbols(at));
    return 1;
}

static size_t per_frequency_and_set(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    length[0] = progress_frequencies(symbols(at));
    length[1] = PROGRESS_SETS;
    return 2;
}

static size_t per_neuron(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    length[0] = neurons(at);
    return 1;
}

static size_t per_neuron_and_frequency(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    length[0] = neurons(at);
    length[1] = progress_frequencies(symbols(at));
    return 2;
}

static size_t per_component(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    length[0] = symbols(at);
    return 1;
}

enum { GINI_COMPONENTS, GINI_FREQUENCIES, GINIS };
static size_t per_gini(const struct measure_site *at, size_t length[MEASURE_RANK])
{
    (void)at;
    length[0] = GINIS;
    return 1;
}

static void label_sets(const struct measure_site *at, struct buf *out)
{
    (void)at;
    buf_text(out, "all,train,test");
}

static void label_frequencies(const struct measure_site *at, struct buf *out)
{
    for (size_t f = 1; f <= progress_frequencies(symbols(at)); f++) buf_print(out, "%s%zu", f > 1 ? "," : "", f);
}

static void label_components(const struct measure_site *at, struct buf *out)
{
    buf_text(out, "constant");
    for (size_t f = 1; f <= progress_frequencies(symbols(at)); f++) buf_print(out, ",cos%zu,sin%zu", f, f);
}

static void label_ginis(const struct measure_site *at, struct buf *out)
{
    (void)at;
    buf_text(out, "components,frequencies");
}

enum {
    LOSS,
    RESTRICTED,
    EXCLUDED_KEYS,
    EXCLUDED_MEAN,
    EXCLUDED,
    COSINE,
    KEY,
    KEYS,
    DEAD,
    BEST,
    EXPLAINED,
    NORM_E,
    NORM_U,
    GINI_E,
    GINI_U,
    COLUMNS
};

#define SETS(column, text)                                                                                           \
    {                                                                                                                \
        .name = column, .unit = "nat", .help = text, .axes = "set", .shape = per_set, .labels = label_sets           \
    }
#define ALONG_FREQUENCY(column, text)                                                                                \
    {                                                                                                                \
        .name = column, .unit = "1", .help = text, .axes = "frequency", .shape = per_frequency,                      \
        .labels = label_frequencies                                                                                  \
    }
#define NORM(column, text)                                                                                           \
    {                                                                                                                \
        .name = column, .unit = "1", .help = text, .axes = "component", .shape = per_component,                      \
        .labels = label_components                                                                                   \
    }
#define GINI(column, text)                                                                                           \
    {                                                                                                                \
        .name = column, .unit = "1", .help = text, .axes = "over", .shape = per_gini, .labels = label_ginis          \
    }
static const struct measure_column columns[] = {
    [LOSS] = SETS("loss", "cross-entropy of the logits Z of the p symbols, without that of '='; all: all p^2 pairs"),
    [RESTRICTED] = SETS("restricted_loss",
                        "of the part of Z along cos and sin of 2 pi f (a + b) / p of the key f (which: see the "
                        "key `keys`), and the mean over all pairs of what that lacks"),
    [EXCLUDED_KEYS] = SETS("excluded_keys_loss", "of Z without its part along all key frequencies"),
    [EXCLUDED_MEAN] = SETS("excluded_mean_loss", "the mean over the key f of the loss of Z without its part along f"),
    [EXCLUDED] = { "excluded_loss", "nat",
                   "of Z without its part along cos and sin of 2 pi f (a + b) / p, for every f = 1, 2, ...",
                   "frequency, set", per_frequency_and_set, label_sets },
    [COSINE] = ALONG_FREQUENCY("cosine", "<B, Z> / |B|, B[(a, b), c] = cos(2 pi f (a + b - c) / p)"),
    [KEY] = ALONG_FREQUENCY("key", "1: the frequency is key at this checkpoint, it explains more of some neuron than "
                                   "any other; 0: not"),
    [KEYS] = { .name = "keys",
               .unit = "frequency",
               .help = "how many are key; by rule published, dead neurons make one more" },
    [DEAD] = { .name = "dead", .unit = "neuron", .help = "never active, whatever the pair" },
    [BEST] = { "best", "1/p",
               "the frequency that explains most of the neuron; of two that explain as much, rounding decides; NaN: "
               "it is never active",
               "neuron", per_neuron, NULL },
    [EXPLAINED] = { "explained", "1",
                    "of the neuron's variance over all pairs, the fraction in products of 1, cos and sin of 2 pi f a "
                    "/ p with those of b; NaN: never active",
                    "neuron, frequency", per_neuron_and_frequency, label_frequencies },
    [NORM_E] = NORM("embed_norm", "Euclidean norm of the embedding (W_E) along each basis function of the symbol"),
    [NORM_U] = NORM("unembed_norm", "the same of the logits' weights (W_U)"),
    [GINI_E] =
        GINI("embed_gini", "Gini coefficient of embed_norm, over all components, and over the norms of cos and "
                           "sin together; 0: all alike, near 1: few frequencies"),
    [GINI_U] = GINI("unembed_gini", "the same of unembed_norm"),
    [COLUMNS] = { .name = NULL },
};

/* ---- frequencies ---- */

/* Places (progress_private.h), ascending but for the place of dead neurons, which is first. */
struct keys {
    size_t count, *at;
};

static struct keys keys_new(const struct measure_site *at, struct arena *a)
{
    return (struct keys){ 0, ARENA_NEW(a, progress_frequencies(symbols(at)) + 1, size_t) };
}

/* Of out[EXPLAINED]: the best of each neuron, and what is key. */
static void find_keys(struct keys *found, const struct measure_site *at, double *const *out)
{
    const struct progress_config *c = at->options;
    const size_t all = progress_frequencies(symbols(at)), searched = all - (c->rule == RULE_PUBLISHED);
    size_t dead = 0;
    for (size_t f = 0; f < all; f++) out[KEY][f] = 0;
    for (size_t i = 0; i < neurons(at); i++) {
        const double *explained = out[EXPLAINED] + i * all;
        size_t best = 0;
        for (size_t f = 1; f < searched; f++)
            if (explained[f] > explained[best]) best = f;
        dead += isnan(explained[best]) ? 1 : 0;
        if (!isnan(explained[best])) out[BEST][i] = (double)(best + 1);
        if (explained[best] > c->threshold) out[KEY][best] = 1;
    }
    found->count = 0;
    if (c->rule == RULE_PUBLISHED && dead > 0 && c->threshold == 0) found->at[found->count++] = all;
    for (size_t f = 0; f < all; f++)
        if (out[KEY][f] > 0) found->at[found->count++] = f;
    out[KEYS][0] = (double)found->count;
    out[DEAD][0] = (double)dead;
}

static int every_frequency(const struct measure_probe *p, struct progress_logits *z, double *const *out,
                           struct err *e)
{
    for (size_t f = 0; f < progress_frequencies(symbols(&p->at)); f++) {
        if (measure_tick(p, e)) return -1;
        progress_excluded(z, &f, 1, out[EXCLUDED] + f * PROGRESS_SETS);
        out[COSINE][f] = progress_cosine(z, f);
    }
    return 0;
}

/* After every_frequency. */
static void key_frequencies(struct progress_logits *z, const struct keys *key, size_t all, double *const *out)
{
    double mean[PROGRESS_SETS] = { 0 };
    if (key->count == 0) return;
    progress_restricted(z, key->at, key->count, out[RESTRICTED]);
    progress_excluded(z, key->at, key->count, out[EXCLUDED_KEYS]);
    for (size_t i = 0; i < key->count; i++) {
        double dead[PROGRESS_SETS];
        const double *loss = key->at[i] < all ? out[EXCLUDED] + key->at[i] * PROGRESS_SETS : dead;
        if (loss == dead) progress_excluded(z, &key->at[i], 1, dead);
        for (size_t s = 0; s < PROGRESS_SETS; s++) mean[s] += loss[s] / (double)key->count;
    }
    memcpy(out[EXCLUDED_MEAN], mean, sizeof mean);
}

/* ---- embeddings ---- */

/* W (d, p or more): the norm of W F' along each basis function, and the inequality of those. */
static void fourier_norms(const struct measure_probe *m, const char *name, const double *basis, double *norm,
                          double *gini)
{
    const struct tensor *t = layout_find(m->at.layout, name);
    const size_t p = symbols(&m->at), d = (size_t)t->dim[0], all = (size_t)t->dim[1], f = progress_frequencies(p);
    double *W = ARENA_NEW(m->scratch, d * p, double), *along = ARENA_NEW(m->scratch, d * p, double);
    double *sorted = ARENA_NEW(m->scratch, p, double);
    for (size_t j = 0; j < d; j++) memcpy(W + j * p, m->theta + t->offset + j * all, p * sizeof *W);
    blas_gemm_nt(along, W, basis, d, p, p, 0);
    for (size_t i = 0; i < p; i++) {
        double squares = 0;
        for (size_t j = 0; j < d; j++) squares += along[j * p + i] * along[j * p + i];
        sorted[i] = norm[i] = sqrt(squares);
    }
    gini[GINI_COMPONENTS] = progress_gini(sorted, p);
    for (size_t i = 0; i < f; i++) sorted[i] = hypot(norm[2 * i + 1], norm[2 * i + 2]);
    gini[GINI_FREQUENCIES] = progress_gini(sorted, f);
}

/* ---- one checkpoint, and the last ---- */

static struct net *open_net(const struct measure_probe *m, double *basis)
{
    const size_t p = symbols(&m->at);
    struct net *net = m->at.model->open(m->at.model_config, m->at.layout, m->at.shape, p * p, m->scratch);
    m->at.model->prepare(net, m->theta);
    progress_basis(basis, p, m->scratch);
    return net;
}

static int run(const struct measure_probe *m, double *const *out, struct err *e)
{
    const size_t p = symbols(&m->at), all = progress_frequencies(p);
    double *basis = ARENA_NEW(m->scratch, p * p, double);
    struct keys own = keys_new(&m->at, m->scratch);
    struct net *net = open_net(m, basis);
    fourier_norms(m, m->at.model->symbols->embed, basis, out[NORM_E], out[GINI_E]);
    fourier_norms(m, m->at.model->symbols->unembed, basis, out[NORM_U], out[GINI_U]);
    if (progress_explained(out[EXPLAINED], m, basis, net, e)) return -1;
    find_keys(&own, &m->at, out);
    struct progress_logits *z = progress_logits_open(m, basis, net);
    progress_loss(z, out[LOSS]);
    if (every_frequency(m, z, out, e)) return -1;
    key_frequencies(z, m->found ? m->found : &own, all, out);
    return 0;
}

/* The keys of the last checkpoint. */
static int look_back(const struct measure_probe *m, const void **found, struct err *e)
{
    const struct progress_config *c = m->at.options;
    const size_t p = symbols(&m->at), all = progress_frequencies(p), h = neurons(&m->at);
    if (c->keys == KEYS_OWN) return 0;
    struct keys *last = ARENA_NEW(m->scratch, 1, struct keys);
    *last = keys_new(&m->at, m->scratch);
    struct arena_mark mark = arena_mark(m->scratch);
    double count, dead, *basis = ARENA_NEW(m->scratch, p * p, double);
    double *const out[COLUMNS] = { [EXPLAINED] = ARENA_NEW(m->scratch, h * all, double),
                                   [BEST] = ARENA_NEW(m->scratch, h, double),
                                   [KEY] = ARENA_NEW(m->scratch, all, double),
                                   [KEYS] = &count,
                                   [DEAD] = &dead };
    const int rc = progress_explained(out[EXPLAINED], m, basis, open_net(m, basis), e);
    if (!rc) find_keys(last, &m->at, out);
    arena_rewind(m->scratch, mark);
    *found = last;
    return rc;
}

/* ---- where it has a meaning ---- */

/* The task's key, without blanks. */
static bool adds(const struct measure_site *at)
{
    struct buf text = { 0 }, dense = { 0 };
    if (strcmp(at->task->name, "modular") != 0) return false;
    field_print(field_find(at->task->fields, "expr"), at->task_config, &text);
    for (size_t i = 0; i < text.length; i++)
        if (text.bytes[i] != ' ') buf_add(&dense, &text.bytes[i], 1);
    const bool is = !strcmp(buf_chars(&dense), "a+b") || !strcmp(buf_chars(&dense), "b+a");
    buf_release(&text);
    buf_release(&dense);
    return is;
}

static int fits(const struct measure_site *at, struct err *e)
{
    if (!at->model->symbols || !at->model->hidden)
        return err_set(e, ERR_SPEC, "model %s has no hidden neurons between embedded symbols and answers",
                       at->model->kind.name);
    if (!adds(at)) return err_set(e, ERR_SPEC, "needs task modular with expr a + b");
    const int64_t p = at->shape->classes;
    if (p % 2 == 1 && p >= LEAST && p <= MOST) return 0;
    return err_set(e, ERR_SPEC, "p is %lld; an odd p from %d to %d is needed", (long long)p, LEAST, MOST);
}

const struct measure_kind measure_progress = {
    .kind = { .name = "progress",
              .summary =
                  "how much of addition modulo p is done by rotations: key frequencies, restricted and excluded "
                  "loss",
              .source = "Nanda et al. (arXiv 2301.05217), section 5; Chen, Grokking Tickets - An Analysis: the code",
              .fields = fields,
              .config_size = sizeof(struct progress_config) },
    .columns = columns,
    .fits = fits,
    .run = run,
    .look_back = look_back,
};
