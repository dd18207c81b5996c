/** net/describe.h: a network for people. */
#ifndef TOMBOLA_NET_DESCRIBE_H
#define TOMBOLA_NET_DESCRIBE_H

#include "base/buf.h"
#include "num/dataset.h"

/** The functions of struct model_kind. */
void net_describe(const void *config, const struct task_shape *shape, size_t batch, struct buf *out);
uint64_t net_plan_of(const void *config, const struct task_shape *shape, int64_t *version);

#endif
