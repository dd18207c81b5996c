#include "num/shuffled.h"

#include "num/real.h"

#include <string.h>

void shuffled_open(struct shuffled *s, const struct dataset *d, size_t classes, size_t batch, struct arena *a)
{
    if (batch > d->n) batch = d->n;
    *s = (struct shuffled){ .whole = d,
                            .classes = classes,
                            .batch = batch,
                            .order = ARENA_NEW(a, d->n, uint32_t),
                            .token = d->token ? ARENA_NEW(a, batch * d->width, int32_t) : NULL,
                            .label = d->label ? ARENA_NEW(a, batch, int32_t) : NULL,
                            .x = d->x_real ? ARENA_NEW(a, batch * d->width, real) : NULL,
                            .target = d->target ? ARENA_NEW(a, batch * classes, double) : NULL };
}

void shuffled_draw(struct shuffled *s, struct rng stream)
{
    for (size_t i = 0; i < s->whole->n; i++) s->order[i] = (uint32_t)i;
    rng_shuffle(&stream, s->order, s->whole->n);
}

void shuffled_draw_any(struct shuffled *s, struct rng stream)
{
    for (size_t i = 0; i < s->whole->n; i++) s->order[i] = (uint32_t)rng_below(&stream, s->whole->n);
}

static void gather(void *out, const void *in, const uint32_t *order, size_t n, size_t bytes)
{
    for (size_t i = 0; out && i < n; i++) memcpy((char *)out + i * bytes, (const char *)in + order[i] * bytes, bytes);
}

struct dataset shuffled_slice(const struct shuffled *s, size_t first)
{
    const struct dataset *d = s->whole;
    const size_t left = d->n - first, n = left < s->batch ? left : s->batch;
    const uint32_t *order = s->order + first;
    gather(s->token, d->token, order, n, d->width * sizeof *d->token);
    gather(s->x, d->x_real, order, n, d->width * sizeof(real));
    gather(s->label, d->label, order, n, sizeof *d->label);
    gather(s->target, d->target, order, n, s->classes * sizeof *d->target);
    return (struct dataset){
        .n = n, .width = d->width, .token = s->token, .x_real = s->x, .label = s->label, .target = s->target
    };
}
