#include "num/convert.h"

#include "num/real.h"

#include <string.h>

/* Numbers of this precision that lie in their order are read where they are. */
static bool lies_ready(const struct dataset_stored *s)
{
    return s->type == (sizeof(real) == sizeof(double) ? STORED_F64 : STORED_F32) && !s->row && !s->unit &&
           (uintptr_t)s->at % sizeof(real) == 0;
}

static const real *convert_stored(const struct dataset *d, struct arena *a)
{
    const struct dataset_stored *s = &d->stored;
    const size_t bytes = d->width * stored_bytes(s->type);
    if (lies_ready(s)) return s->at;
    real *x = ARENA_NEW(a, d->n * d->width, real);
    const struct arena_mark m = arena_mark(a);
    double *row = ARENA_NEW(a, d->width, double);
    for (size_t i = 0; i < d->n; i++) {
        stored_convert(s->type, (const char *)s->at + (s->row ? s->row[i] : i) * bytes, d->width, row);
        for (size_t j = 0; j < d->width; j++)
            x[i * d->width + j] = (real)(s->unit ? (row[j] - s->shift[j]) / s->unit[j] : row[j]);
    }
    arena_rewind(a, m);
    return x;
}

/* What double precision reads is x itself. */
static void convert(struct dataset *d, struct arena *a)
{
    if (d->stored.at) {
        d->x_real = convert_stored(d, a);
        if (sizeof(real) == sizeof *d->x) d->x = d->x_real;
        return;
    }
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
