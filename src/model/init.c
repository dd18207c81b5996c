#include "base/text.h"
#include "model/model.h"
#include "num/real.h"

#include "base/rng.h"

#include <math.h>
#include <stdio.h>

void model_init(real *theta, const struct layout *layout, uint64_t seed)
{
    model_draw(theta, layout, seed, "init");
}

void model_draw(real *theta, const struct layout *layout, uint64_t seed, const char *name)
{
    for (int i = 0; i < layout->count; i++) {
        const struct tensor *t = &layout->tensor[i];
        char stream[LAYOUT_NAME + 16];
        MUST(text_print(stream, sizeof stream, "%s/%s", name, t->name));
        struct rng r = rng_open(seed, stream);
        const double bound = sqrt(3) * t->init_std;
        for (size_t j = 0; j < t->size; j++) {
            double draw = t->draw == DRAW_UNIFORM ? (2 * rng_uniform(&r) - 1) * bound : rng_normal(&r) * t->init_std;
            theta[t->offset + j] = (real)(float)(t->init_mean + draw);
        }
    }
}

size_t model_outputs(const struct model_kind *model, const void *config, const struct task_shape *shape)
{
    return (size_t)(model->outputs ? model->outputs(config, shape) : shape->classes);
}
