/** base/spacing.h: which of the numbers 0, 1, 2, ... are looked at: all multiples of one, or so many a decade. */
#ifndef TOMBOLA_BASE_SPACING_H
#define TOMBOLA_BASE_SPACING_H

#include <stdbool.h>
#include <stdint.h>

/** 0, and every, 2 every, ..., or for a negative one 10^(i / -every) for i = 0, 1, ..., rounded; all times unit. */
struct spacing {
    int64_t every; /* 0: none at all */
    int64_t unit;
};

bool spacing_holds(struct spacing s, int64_t number);
/** The first that comes behind a number; `every` is not 0. */
int64_t spacing_next(struct spacing s, int64_t number);

#endif
