#include "sweep/private.h"

#include <string.h>

bool name_check(struct loader *l, const char *name, struct mark at, const char *path, const char *what)
{
    size_t length = strlen(name);
    bool plain = true;
    for (size_t i = 0; i < length; i++) plain &= (unsigned char)name[i] >= 0x20 && name[i] != 0x7F;
    if (length == 0)
        report(&l->to, at, path, "%s must not be empty", what);
    else if (length > NAME_BYTES)
        report(&l->to, at, path, "%s may have at most %d bytes, not %zu", what, NAME_BYTES, length);
    else if (!plain)
        report(&l->to, at, path, "%s must not hold control characters", what);
    return length > 0 && length <= NAME_BYTES && plain;
}
