#include "base/stored.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
} types[STORED_TYPES] = {
    [STORED_F64] = { "f8", 8 }, [STORED_F32] = { "f4", 4 }, [STORED_F16] = { "f2", 2 }, [STORED_I64] = { "i8", 8 },
    [STORED_I32] = { "i4", 4 }, [STORED_I16] = { "i2", 2 }, [STORED_I8] = { "i1", 1 },  [STORED_U64] = { "u8", 8 },
    [STORED_U32] = { "u4", 4 }, [STORED_U16] = { "u2", 2 }, [STORED_U8] = { "u1", 1 },  [STORED_BOOL] = { "b1", 1 },
};

size_t stored_bytes(enum stored_type type)
{
    return types[type].bytes;
}

const char *stored_name(enum stored_type type)
{
    return types[type].name;
}

static double half(uint16_t h)
{
    const int exponent = h >> 10 & 31, fraction = h & 1023;
    const double size = exponent == 0    ? fraction * 0x1p-24
                        : exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
                                         : (1024 + fraction) * ldexp(1, exponent - 25);
    return h >> 15 ? -size : size;
}

#define CONVERT(type, value)                                                                                         \
    for (size_t i = 0; i < count; i++) {                                                                             \
        type x;                                                                                                      \
        memcpy(&x, from + i * sizeof x, sizeof x);                                                                   \
        out[i] = value;                                                                                              \
    }                                                                                                                \
    break

void stored_convert(enum stored_type type, const void *bytes, size_t count, double *out)
{
    const char *from = bytes;
    switch (type) {
    case STORED_F64: CONVERT(double, x);
    case STORED_F32: CONVERT(float, (double)x);
    case STORED_F16: CONVERT(uint16_t, half(x));
    case STORED_I64: CONVERT(int64_t, (double)x);
    case STORED_I32: CONVERT(int32_t, x);
    case STORED_I16: CONVERT(int16_t, x);
    case STORED_I8: CONVERT(int8_t, x);
    case STORED_U64: CONVERT(uint64_t, (double)x);
    case STORED_U32: CONVERT(uint32_t, x);
    case STORED_U16: CONVERT(uint16_t, x);
    default: CONVERT(uint8_t, x);
    }
}
