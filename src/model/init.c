#include "base/arena.h"
#include "base/rng.h"
#include "base/text.h"
#include "model/model.h"
#include "num/real.h"

#include <math.h>
#include <stdio.h>

void model_init(real *theta, const struct layout *layout, uint64_t seed)
{
    model_draw(theta, layout, seed, "init");
}

/* x: vectors that begin `apart` numbers from each other, whose `length` numbers are `along` apart.  Gram-Schmidt,
 * twice because once is not enough for rounding; as the Q of a QR whose R has a positive diagonal. */
static void make_orthogonal(double *x, size_t vectors, size_t apart, size_t length, size_t along)
{
    for (size_t i = 0; i < vectors; i++) {
        double *v = x + i * apart, squares = 0;
        for (size_t j = 0; j < 2 * i; j++) {
            const double *u = x + j % i * apart;
            double dot = 0;
            for (size_t k = 0; k < length; k++) dot += u[k * along] * v[k * along];
            for (size_t k = 0; k < length; k++) v[k * along] -= dot * u[k * along];
        }
        for (size_t k = 0; k < length; k++) squares += v[k * along] * v[k * along];
        for (size_t k = 0; k < length; k++) v[k * along] /= sqrt(squares);
    }
}

static void draw_orthogonal(real *out, const struct tensor *t, struct rng *r)
{
    const size_t rows = (size_t)t->dim[0], columns = t->size / rows;
    struct arena a = { 0 };
    double *x = ARENA_NEW(&a, t->size, double);
    const double gain = t->init_std * sqrt((double)(rows > columns ? rows : columns));
    for (size_t j = 0; j < t->size; j++) x[j] = rng_normal(r);
    if (rows <= columns)
        make_orthogonal(x, rows, columns, columns, 1);
    else
        make_orthogonal(x, columns, 1, rows, columns);
    for (size_t j = 0; j < t->size; j++) out[j] = (real)(float)(gain * x[j]);
    arena_release(&a);
}

static double draw(const struct tensor *t, struct rng *r)
{
    switch (t->draw) {
    case DRAW_UNIFORM: return (2 * rng_uniform(r) - 1) * (sqrt(3) * t->init_std);
    case DRAW_SIGNED: return rng_uniform(r) < 0.5 ? -t->init_std : t->init_std;
    default: return rng_normal(r) * t->init_std;
    }
}

void model_draw(real *theta, const struct layout *layout, uint64_t seed, const char *name)
{
    for (int i = 0; i < layout->count; i++) {
        const struct tensor *t = &layout->tensor[i];
        char stream[LAYOUT_NAME + 16];
        MUST(text_print(stream, sizeof stream, "%s/%s", name, t->name));
        struct rng r = rng_open(seed, stream);
        if (t->draw == DRAW_ORTHOGONAL) {
            draw_orthogonal(theta + t->offset, t, &r);
            continue;
        }
        for (size_t j = 0; j < t->size; j++) { /* a mean of 0 would take the sign of -0 */
            const double x = draw(t, &r);
            theta[t->offset + j] = (real)(float)(t->init_mean != 0 ? t->init_mean + x : x);
        }
    }
}

size_t model_outputs(const struct model_kind *model, const void *config, const struct task_shape *shape)
{
    return (size_t)(model->outputs ? model->outputs(config, shape) : shape->classes);
}
