#include "base/number.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool number_real(const char *text, double *out)
{
    if (!isdigit((unsigned char)text[0]) && !strchr("+-.", text[0])) return false; /* no inf, nan, blanks */
    if (strpbrk(text, "xXpPnN")) return false;
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value)) return false;
    *out = value;
    return true;
}

bool number_int(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end != text && !*end && !errno && !isspace((unsigned char)text[0])) {
        *out = value;
        return true;
    }
    double real;
    if (!number_real(text, &real) || real != floor(real) || fabs(real) > 0x1p53) return false;
    *out = (int64_t)real;
    return true;
}
