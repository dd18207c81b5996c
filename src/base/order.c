#include "base/order.h"

#include <stdlib.h>

int order_int64(const void *a, const void *b)
{
    return ORDER(*(const int64_t *)a, *(const int64_t *)b);
}

int order_double(const void *a, const void *b)
{
    return ORDER(*(const double *)a, *(const double *)b);
}

size_t order_unique(int64_t *list, size_t count)
{
    size_t kept = 0;
    qsort(list, count, sizeof *list, order_int64);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || list[kept - 1] != list[i]) list[kept++] = list[i];
    return kept;
}
