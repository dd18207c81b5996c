#include "model/embed_mlp.h"

#include "base/arena.h"
#include "base/err.h"
#include "model/activation_plain.h"
#include "num/scalar.h"

#include <math.h>
#include <string.h>

/* The network as a chain: v[0] = sum of embeddings, u[l] = M[l] v[l], v[l+1] = act(u[l]), without act for the last of
 * the `maps` matrices (W_outproj); logits = W_U' v[maps].  M[l] is tensor l + 1 of the layout. */
enum { MAPS = 32 };
struct chain {
    const struct layout *layout;
    const scalar *theta;
    size_t maps;
    int act;
    scalar *v[MAPS + 1], *u[MAPS], *dv, *du;
};

static struct chain chain_open(const struct embed_mlp_config *config, const struct layout *l, const scalar *theta,
                               struct arena *a)
{
    struct chain c = { .layout = l, .theta = theta, .maps = (size_t)config->layers + 1, .act = config->activation };
    MUST(c.maps <= MAPS && l->count == (int)c.maps + 2);
    size_t most = (size_t)(config->d_embed > config->d_hidden ? config->d_embed : config->d_hidden);
    for (size_t i = 0; i < c.maps; i++) c.u[i] = ARENA_NEW(a, most, scalar);
    for (size_t i = 0; i <= c.maps; i++) c.v[i] = ARENA_NEW(a, most, scalar);
    c.dv = ARENA_NEW(a, most, scalar);
    c.du = ARENA_NEW(a, most, scalar);
    return c;
}

static size_t dim(const struct tensor *t, int i)
{
    return (size_t)t->dim[i];
}

static void run_forward(struct chain *c, const int32_t *token, size_t width, scalar *logits, size_t stride)
{
    const struct tensor *E = c->layout->tensor, *W_U = E + c->maps + 1;
    for (size_t i = 0; i < dim(E, 0); i++) {
        c->v[0][i] = 0;
        for (size_t w = 0; w < width; w++) c->v[0][i] += c->theta[E->offset + i * dim(E, 1) + (size_t)token[w]];
    }
    for (size_t l = 0; l < c->maps; l++) {
        const struct tensor *M = E + l + 1;
        for (size_t i = 0; i < dim(M, 0); i++) {
            scalar sum = 0;
            for (size_t j = 0; j < dim(M, 1); j++) sum += c->theta[M->offset + i * dim(M, 1) + j] * c->v[l][j];
            c->u[l][i] = sum;
            c->v[l + 1][i] = l + 1 < c->maps ? act(c->act, sum) : sum;
        }
    }
    for (size_t k = 0; k < dim(W_U, 1); k++) logits[k * stride] = 0;
    for (size_t i = 0; i < dim(W_U, 0); i++)
        for (size_t k = 0; k < dim(W_U, 1); k++)
            logits[k * stride] += c->theta[W_U->offset + i * dim(W_U, 1) + k] * c->v[c->maps][i];
}

static void run_backward(struct chain *c, const int32_t *token, size_t width, const scalar *dlogits, size_t stride,
                         scalar *gradient)
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
        for (size_t j = 0; j < dim(M, 1); j++) c->dv[j] = 0;
        for (size_t i = 0; i < dim(M, 0); i++)
            for (size_t j = 0; j < dim(M, 1); j++) {
                size_t at = M->offset + i * dim(M, 1) + j;
                gradient[at] += c->du[i] * c->v[l][j];
                c->dv[j] += c->theta[at] * c->du[i];
            }
    }
    for (size_t w = 0; w < width; w++)
        for (size_t i = 0; i < dim(E, 0); i++) gradient[E->offset + i * dim(E, 1) + (size_t)token[w]] += c->dv[i];
}

void SCALAR_NAME(embed_mlp)(const void *config, const struct task_shape *shape, const struct layout *layout,
                            const struct dataset *d, const scalar *theta, scalar *logits, const scalar *dlogits,
                            scalar *gradient, const struct plain_guard *guard)
{
    struct arena a = { 0 };
    (void)shape;
    struct chain c = chain_open(config, layout, theta, &a);
    if (gradient) memset(gradient, 0, layout->n * sizeof *gradient);
    for (size_t i = 0; i < d->n && !plain_leaves(guard); i++) {
        const int32_t *token = d->token + i * d->width;
        run_forward(&c, token, d->width, logits + i, d->n);
        if (gradient) run_backward(&c, token, d->width, dlogits + i, d->n, gradient);
    }
    arena_release(&a);
}
