/** train/parts.h: loss and accuracy of the parts of a data set that have a name, from the logits of the whole. */
#ifndef TOMBOLA_TRAIN_PARTS_H
#define TOMBOLA_TRAIN_PARTS_H

#include "base/arena.h"
#include "num/loss.h"
#include "num/real.h"

#define parts_room     REAL_NAME(parts_room)
#define parts_open     REAL_NAME(parts_open)
#define parts_evaluate REAL_NAME(parts_evaluate)

struct parts_room {
    const struct task_data *data;
    size_t outputs;
    real *logits; /* room for those of a part, */
    int32_t *label;
    double *target;
    struct loss_value *value; /* [data->parts] */
    bool of_train;            /* any of the training set */
};

/** NULL: the data have none. */
struct parts_room *parts_open(const struct task_data *data, size_t outputs, struct arena *a);
/** The values of those of one of the two sets; logits (outputs, n). */
void parts_evaluate(struct parts_room *p, const struct loss *loss, const struct dataset *d, const real *logits);

#endif
