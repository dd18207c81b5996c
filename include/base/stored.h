/** base/stored.h: numbers as files have them, in the order of a little-endian machine. */
#ifndef TOMBOLA_BASE_STORED_H
#define TOMBOLA_BASE_STORED_H

#include <stddef.h>

enum stored_type {
    STORED_F64,
    STORED_F32,
    STORED_F16,
    STORED_I64,
    STORED_I32,
    STORED_I16,
    STORED_I8,
    STORED_U64,
    STORED_U32,
    STORED_U16,
    STORED_U8,
    STORED_BOOL,
    STORED_TYPES
};
/** Bytes of a number. */
size_t stored_bytes(enum stored_type type);
/** As NumPy calls it: "f8", "u1". */
const char *stored_name(enum stored_type type);
/** Some numbers, as they stand in a file, to doubles; they may lie anywhere. */
void stored_convert(enum stored_type type, const void *bytes, size_t count, double *out);

#endif
