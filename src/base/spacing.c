#include "base/spacing.h"

#include <math.h>

static int64_t power(int64_t decade, int64_t i)
{
    return (int64_t)floor(pow(10, (double)i / (double)decade) + 0.5);
}

/* An i whose power is not above the number, and next to it. */
static int64_t below(int64_t decade, int64_t number)
{
    int64_t i = (int64_t)floor((double)decade * log10((double)number)) + 2;
    while (power(decade, i) > number) i--;
    return i;
}

bool spacing_holds(struct spacing s, int64_t number)
{
    if (s.every == 0 || number % s.unit != 0) return false;
    const int64_t n = number / s.unit;
    if (s.every > 0 || n == 0) return n == 0 || n % s.every == 0;
    return power(-s.every, below(-s.every, n)) == n;
}

int64_t spacing_next(struct spacing s, int64_t number)
{
    const int64_t n = number / s.unit;
    if (s.every > 0) return (n / s.every + 1) * s.every * s.unit;
    if (n == 0) return s.unit;
    int64_t i = below(-s.every, n);
    while (power(-s.every, i) <= n) i++;
    return power(-s.every, i) * s.unit;
}
