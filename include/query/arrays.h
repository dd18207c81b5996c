/** query/arrays.h: the tables series, checkpoints, measures and tensors. */
#ifndef TOMBOLA_QUERY_ARRAYS_H
#define TOMBOLA_QUERY_ARRAYS_H

#include "query/state.h"

void query_arrays(struct query *q, struct query_table out[QUERY_ARRAYS]);

#endif
