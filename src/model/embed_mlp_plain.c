#include "model/embed_mlp.h"

#include "base/arena.h"
#include "base/err.h"
#include "model/activation.h"

#include <math.h>
#include <string.h>

/* The network as a chain: v[0] = sum of embeddings, u[l] = M[l] v[l], v[l+1] = act(u[l]), without act for the last of
 * the `maps` matrices (W_outproj); logits = W_U' v[maps].  M[l] is tensor l + 1 of the layout. */
enum { MAPS = 32 };
struct chain {
    const struct layout *layout;
    const double *theta;
    size_t maps;
    int act;
    double *v[MAPS + 1], *u[MAPS], *dv, *du;
};

static double act(int id, double x)
{
    switch (id) {
    case ACTIVATION_RELU: return x > 0 ? x : 0;
    case ACTIVATION_GELU: return x * 0.5 * (1 + erf(x / sqrt(2)));
    case ACTIVATION_TANH: return tanh(x);
    default: BUG("no activation %d", id);
    }
}

static double act_slope(int id, double x)
{
    switch (id) {
    case ACTIVATION_RELU: return x > 0;
    case ACTIVATION_GELU: return 0.5 * (1 + erf(x / sqrt(2))) + x * exp(-x * x / 2) / sqrt(2 * acos(-1));
    case ACTIVATION_TANH: return 1 / (cosh(x) * cosh(x));
    default: BUG("no activation %d", id);
    }
}

static struct chain chain_open(const struct embed_mlp_config *config, const struct layout *l, const double *theta,
                               struct arena *a)
{
    struct chain c = { .layout = l, .theta = theta, .maps = (size_t)config->layers + 1, .act = config->activation };
    MUST(c.maps <= MAPS && l->count == (int)c.maps + 2);
    size_t most = (size_t)(config->d_embed > config->d_hidden ? config->d_embed : config->d_hidden);
    for (size_t i = 0; i < c.maps; i++) c.u[i] = ARENA_NEW(a, most, double);
    for (size_t i = 0; i <= c.maps; i++) c.v[i] = ARENA_NEW(a, most, double);
    c.dv = ARENA_NEW(a, most, double);
    c.du = ARENA_NEW(a, most, double);
    return c;
}

static size_t dim(const struct tensor *t, int i)
{
    return (size_t)t->dim[i];
}

static void run_forward(struct chain *c, const int32_t *token, size_t width, double *logits, size_t stride)
{
    const struct tensor *E = c->layout->tensor, *W_U = E + c->maps + 1;
    for (size_t i = 0; i < dim(E, 0); i++) {
        c->v[0][i] = 0;
        for (size_t w = 0; w < width; w++) c->v[0][i] += c->theta[E->offset + i * dim(E, 1) + (size_t)token[w]];
    }
    for (size_t l = 0; l < c->maps; l++) {
        const struct tensor *M = E + l + 1;
        for (size_t i = 0; i < dim(M, 0); i++) {
            double sum = 0;
            for (size_t j = 0; j < dim(M, 1); j++) sum += c->theta[M->offset + i * dim(M, 1) + j] * c->v[l][j];
            c->u[l][i] = sum;
            c->v[l + 1][i] = l + 1 < c->maps ? act(c->act, sum) : sum;
        }
    }
    for (size_t k = 0; k < dim(W_U, 1); k++) {
        logits[k * stride] = 0;
        for (size_t i = 0; i < dim(W_U, 0); i++)
            logits[k * stride] += c->theta[W_U->offset + i * dim(W_U, 1) + k] * c->v[c->maps][i];
    }
}

static void run_backward(struct chain *c, const int32_t *token, size_t width, const double *dlogits, size_t stride,
                         double *gradient)
{
    const struct tensor *E = c->layout->tensor, *W_U = E + c->maps + 1;
    for (size_t i = 0; i < dim(W_U, 0); i++) {
        c->dv[i] = 0;
        for (size_t k = 0; k < dim(W_U, 1); k++) {
            size_t at = W_U->offset + i * dim(W_U, 1) + k;
            gradient[at] += c->v[c->maps][i] * dlogits[k * stride];
            c->dv[i] += c->theta[at] * dlogits[k * stride];
        }
    }
    for (size_t l = c->maps; l-- > 0;) {
        const struct tensor *M = E + l + 1;
        for (size_t i = 0; i < dim(M, 0); i++)
            c->du[i] = l + 1 < c->maps ? c->dv[i] * act_slope(c->act, c->u[l][i]) : c->dv[i];
        for (size_t j = 0; j < dim(M, 1); j++) {
            c->dv[j] = 0;
            for (size_t i = 0; i < dim(M, 0); i++) {
                size_t at = M->offset + i * dim(M, 1) + j;
                gradient[at] += c->du[i] * c->v[l][j];
                c->dv[j] += c->theta[at] * c->du[i];
            }
        }
    }
    for (size_t w = 0; w < width; w++)
        for (size_t i = 0; i < dim(E, 0); i++) gradient[E->offset + i * dim(E, 1) + (size_t)token[w]] += c->dv[i];
}

void embed_mlp_plain(const struct embed_mlp_config *config, const struct layout *layout, const struct dataset *d,
                     const double *theta, double *logits, const double *dlogits, double *gradient)
{
    struct arena a = { 0 };
    struct chain c = chain_open(config, layout, theta, &a);
    if (gradient) memset(gradient, 0, layout->n * sizeof *gradient);
    for (size_t i = 0; i < d->n; i++) {
        const int32_t *token = d->token + i * d->width;
        run_forward(&c, token, d->width, logits + i, d->n);
        if (gradient) run_backward(&c, token, d->width, dlogits + i, d->n, gradient);
    }
    arena_release(&a);
}
