/** base/order.h: orders for qsort and bsearch. */
#ifndef TOMBOLA_BASE_ORDER_H
#define TOMBOLA_BASE_ORDER_H

#include <stddef.h>
#include <stdint.h>

/** Negative, 0 or positive, as a is below, equal to or above b. */
#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

/** Of int64_t, and of double. */
int order_int64(const void *a, const void *b);
int order_double(const void *a, const void *b);

/** Sort ascending and drop repeats.  Returns how many are left. */
size_t order_unique(int64_t *list, size_t count);

#endif
