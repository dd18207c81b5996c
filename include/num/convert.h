/** num/convert.h: inputs in the precision of a run. */
#ifndef TOMBOLA_NUM_CONVERT_H
#define TOMBOLA_NUM_CONVERT_H

#include "base/arena.h"
#include "num/dataset.h"
#include "num/real.h"

#define convert_data REAL_NAME(convert_data)

/** Fill x_real of both data sets, if they have an x: in the arena, or x itself if it is of that precision. */
void convert_data(struct task_data *data, struct arena *a);

#endif
