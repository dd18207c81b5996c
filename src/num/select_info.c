#include "num/select.h"

const char *const scope_names[] = { "global", "tensor", NULL };
