/** base/number.h: texts that are numbers. */
#ifndef TOMBOLA_BASE_NUMBER_H
#define TOMBOLA_BASE_NUMBER_H

#include "base/checked.h"

#include <stdbool.h>
#include <stdint.h>

/** Strict: the whole text must be one finite number (an integer may be written 1e4). */
CHECKED bool number_real(const char *text, double *out);
CHECKED bool number_int(const char *text, int64_t *out);

#endif
