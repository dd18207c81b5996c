#include "net/operation.h"

#include "num/real.h"

#define ROW(name) [NET_OP_##name] = &REAL_NAME(net_op_##name),
const struct net_operation *const net_operations[] = { NET_OPERATIONS(ROW) };
