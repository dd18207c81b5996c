/** base/hash.h: 128-bit ids and 64-bit checksums (xxHash's XXH3). */
#ifndef TOMBOLA_BASE_HASH_H
#define TOMBOLA_BASE_HASH_H

#include "base/checked.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ID_CHARS = 32 };

/** A job's identity: XXH3-128 of its canonical text. */
struct id {
    uint64_t high, low;
};

struct id id_of(const void *bytes, size_t length);
bool id_equal(struct id a, struct id b);
/** 32 lower-case hexadecimal digits and a NUL. */
char *id_text(struct id id, char out[ID_CHARS + 1]);
/** False unless text begins with 32 hexadecimal digits. */
CHECKED bool id_parse(const char *text, struct id *out);

/** XXH3-64, never 0: in the store a checksum of 0 means "not written". */
uint64_t hash_sum(const void *bytes, size_t length);

/** A number that nobody else has drawn, never 0. */
uint64_t hash_draw(void);

#endif
