/** train/examples.h: what a step of training sees where that is not the training set, or a batch of it, itself: new
 * examples, or its images cropped and turned.  It depends on the seed and the number of the step. */
#ifndef TOMBOLA_TRAIN_EXAMPLES_H
#define TOMBOLA_TRAIN_EXAMPLES_H

#include "base/arena.h"
#include "base/err.h"
#include "num/dataset.h"
#include "num/real.h"

#define examples_room REAL_NAME(examples_room)
#define examples_open REAL_NAME(examples_open)
#define examples_take REAL_NAME(examples_take)

struct examples_room {
    const struct task_data *data;
    struct dataset_room room; /* of new ones                   */
    real *x;                  /* room for the inputs of a step */
};

/** Is there anything to do?  NULL: no.  most: examples of a step. */
struct examples_room *examples_open(const struct task_data *data, size_t most, struct arena *a);
/** *d becomes what the step sees in its place, valid until the next call.  -1 if examples cannot be drawn. */
CHECKED int examples_take(struct examples_room *x, uint64_t seed, int64_t step, struct dataset *d, struct err *e);

#endif
