/** net/describe.h: a network for people. */
#ifndef TOMBOLA_NET_DESCRIBE_H
#define TOMBOLA_NET_DESCRIBE_H

#include "base/buf.h"
#include "num/dataset.h"

/** Of struct model_kind. */
void net_describe(const void *config, const struct task_shape *shape, struct buf *out);

#endif
