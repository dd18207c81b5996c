#include "num/shuffled.h"

#include "num/real.h"

#include <string.h>

void shuffled_open(struct shuffled *s, const struct dataset *d, size_t classes, struct arena *a)
{
    *s = (struct shuffled){ .whole = d,
                            .classes = classes,
                            .order = ARENA_NEW(a, d->n, uint32_t),
                            .token = d->token ? ARENA_NEW(a, d->n * d->width, int32_t) : NULL,
                            .label = d->label ? ARENA_NEW(a, d->n, int32_t) : NULL,
                            .x = d->x_real ? ARENA_NEW(a, d->n * d->width, real) : NULL,
                            .target = d->target ? ARENA_NEW(a, d->n * classes, double) : NULL };
}

static void permute(void *out, const void *in, const uint32_t *order, size_t n, size_t bytes)
{
    for (size_t i = 0; out && i < n; i++) memcpy((char *)out + i * bytes, (const char *)in + order[i] * bytes, bytes);
}

static void arrange(struct shuffled *s)
{
    const struct dataset *d = s->whole;
    permute(s->token, d->token, s->order, d->n, d->width * sizeof *d->token);
    permute(s->x, d->x_real, s->order, d->n, d->width * sizeof(real));
    permute(s->label, d->label, s->order, d->n, sizeof *d->label);
    permute(s->target, d->target, s->order, d->n, s->classes * sizeof *d->target);
}

void shuffled_draw(struct shuffled *s, struct rng stream)
{
    for (size_t i = 0; i < s->whole->n; i++) s->order[i] = (uint32_t)i;
    rng_shuffle(&stream, s->order, s->whole->n);
    arrange(s);
}

void shuffled_draw_any(struct shuffled *s, struct rng stream)
{
    for (size_t i = 0; i < s->whole->n; i++) s->order[i] = (uint32_t)rng_below(&stream, s->whole->n);
    arrange(s);
}

struct dataset shuffled_slice(const struct shuffled *s, size_t first, size_t batch)
{
    const size_t left = s->whole->n - first, width = s->whole->width;
    return (struct dataset){ .n = left < batch ? left : batch,
                             .width = width,
                             .token = s->token ? s->token + first * width : NULL,
                             .x_real = s->x ? s->x + first * width : NULL,
                             .label = s->label ? s->label + first : NULL,
                             .target = s->target ? s->target + first * s->classes : NULL };
}
