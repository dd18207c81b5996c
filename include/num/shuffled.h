/** num/shuffled.h: a data set in a random order, of which minibatches are slices. */
#ifndef TOMBOLA_NUM_SHUFFLED_H
#define TOMBOLA_NUM_SHUFFLED_H

#include "base/arena.h"
#include "base/rng.h"
#include "num/dataset.h"
#include "num/real.h"

#define shuffled          REAL_NAME(shuffled)
#define shuffled_open     REAL_NAME(shuffled_open)
#define shuffled_draw     REAL_NAME(shuffled_draw)
#define shuffled_draw_any REAL_NAME(shuffled_draw_any)
#define shuffled_slice    REAL_NAME(shuffled_slice)

/** Row i is row order[i] of the whole; those of a batch have room here. */
struct shuffled {
    const struct dataset *whole;
    size_t classes, batch;
    uint32_t *order;
    int32_t *token, *label;
    double *target;
    real *x;
};

/** Room for `batch` rows of d, which is kept, or all if it has fewer; classes: numbers in a target. */
void shuffled_open(struct shuffled *s, const struct dataset *d, size_t classes, size_t batch, struct arena *a);
/** The rows in an order that depends on the stream alone. */
void shuffled_draw(struct shuffled *s, struct rng stream);
/** As many rows, each any of the whole's. */
void shuffled_draw_any(struct shuffled *s, struct rng stream);
/** A batch of rows from `first` on, or what is left; valid until the next one. */
struct dataset shuffled_slice(const struct shuffled *s, size_t first);

#endif
