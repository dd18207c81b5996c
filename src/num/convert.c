#include "num/convert.h"

#include "num/real.h"

static void convert(struct dataset *d, struct arena *a)
{
    if (!d->x || sizeof(real) == sizeof *d->x) {
        d->x_real = d->x;
        return;
    }
    real *x = ARENA_NEW(a, d->n * d->width, real);
    for (size_t i = 0; i < d->n * d->width; i++) x[i] = (real)d->x[i];
    d->x_real = x;
}

void convert_data(struct task_data *data, struct arena *a)
{
    convert(&data->train, a);
    convert(&data->test, a);
}
