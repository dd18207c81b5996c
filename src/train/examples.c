#include "train/examples.h"

#include "base/rng.h"
#include "base/text.h"
#include "num/real.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STREAM = 32 };

struct examples_room *examples_open(const struct task_data *data, size_t most, struct arena *a)
{
    const struct dataset *train = &data->train;
    if (!data->source && !data->augment.image[0]) return NULL;
    struct examples_room *x = ARENA_NEW(a, 1, struct examples_room);
    x->data = data;
    if (!train->token) x->x = ARENA_NEW(a, most * train->width, real);
    if (!data->source) return x;
    x->room.x = train->token ? NULL : ARENA_NEW(a, most * train->width, double);
    x->room.token = train->token ? ARENA_NEW(a, most * train->width, int32_t) : NULL;
    x->room.label = train->label ? ARENA_NEW(a, most, int32_t) : NULL;
    x->room.target = train->target ? ARENA_NEW(a, most * (size_t)data->classes, double) : NULL;
    return x;
}

static int draw(struct examples_room *x, uint64_t seed, int64_t step, struct dataset *d, struct err *e)
{
    const struct dataset_source *s = x->data->source;
    char stream[STREAM];
    MUST(text_print(stream, sizeof stream, "fresh/%" PRId64, step));
    if (s->fill(s->ctx, seed, stream, d->n, &x->room, e)) return -1;
    for (size_t i = 0; x->x && i < d->n * d->width; i++) x->x[i] = (real)x->room.x[i];
    *d = (struct dataset){ .n = d->n,
                           .width = d->width,
                           .token = x->room.token,
                           .x_real = x->x,
                           .label = x->room.label,
                           .target = x->room.target };
    return 0;
}

/* A pixel of 0 as it is where inputs are on another scale. */
static real nothing(const struct dataset *whole, size_t place)
{
    const struct dataset_stored *s = &whole->stored;
    return s->unit ? (real)((0 - s->shift[place]) / s->unit[place]) : 0;
}

/* One image, from `in` to `out`: pixel (i, j) is that at (i + down, j + right). */
static void move(const struct dataset *whole, const int64_t image[3], const real *in, int64_t down, int64_t right,
                 bool flip, real *out)
{
    const int64_t height = image[1], wide = image[2];
    size_t place = 0;
    for (int64_t c = 0; c < image[0]; c++)
        for (int64_t i = 0; i < height; i++)
            for (int64_t j = 0; j < wide; j++, place++) {
                const int64_t y = i + down, x = (flip ? wide - 1 - j : j) + right;
                const bool inside = y >= 0 && y < height && x >= 0 && x < wide;
                out[place] = inside ? in[(c * height + y) * wide + x] : nothing(whole, place);
            }
}

static void augment(struct examples_room *x, uint64_t seed, int64_t step, struct dataset *d)
{
    const struct dataset_augment *how = &x->data->augment;
    const uint64_t places = 2 * (uint64_t)how->crop + 1;
    const real *in = d->x_real;
    char stream[STREAM];
    MUST(text_print(stream, sizeof stream, "augment/%" PRId64, step));
    struct rng r = rng_open(seed, stream);
    for (size_t i = 0; i < d->n; i++) {
        const int64_t down = (int64_t)rng_below(&r, places) - how->crop,
                      right = (int64_t)rng_below(&r, places) - how->crop;
        const bool flip = how->flip && rng_below(&r, 2);
        move(&x->data->train, how->image, in + i * d->width, down, right, flip, x->x + i * d->width);
    }
    d->x_real = x->x;
}

int examples_take(struct examples_room *x, uint64_t seed, int64_t step, struct dataset *d, struct err *e)
{
    if (x->data->source) return draw(x, seed, step, d, e);
    augment(x, seed, step, d);
    return 0;
}
