#include "base/hash.h"
#include "base/err.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

struct id id_of(const void *bytes, size_t length)
{
    XXH128_hash_t h = XXH3_128bits(bytes, length);
    return (struct id){ h.high64, h.low64 };
}

bool id_equal(struct id a, struct id b)
{
    return a.high == b.high && a.low == b.low;
}

char *id_text(struct id id, char out[ID_CHARS + 1])
{
    MUST(text_print(out, ID_CHARS + 1, "%016" PRIx64 "%016" PRIx64, id.high, id.low));
    return out;
}

static bool hex_word(const char *text, uint64_t *out)
{
    *out = 0;
    for (int i = 0; i < 16; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return false;
        *out = *out << 4 | (uint64_t)digit;
    }
    return true;
}

bool id_parse(const char *text, struct id *out)
{
    struct id id;
    if (!hex_word(text, &id.high) || !hex_word(text + 16, &id.low)) return false;
    *out = id;
    return true;
}

uint64_t hash_sum(const void *bytes, size_t length)
{
    uint64_t sum = XXH3_64bits(bytes, length);
    return sum ? sum : 1;
}

uint64_t hash_draw(void)
{
    uint64_t n = 0;
    if (getrandom(&n, sizeof n, GRND_NONBLOCK) != sizeof n) n = (uint64_t)getpid() << 32 ^ (uint64_t)time(NULL);
    return n ? n : 1;
}
