#include "disk/file.h"
#include "base/err.h"

#include <stdlib.h>

hid_t disk_keep(struct disk *d, hid_t id)
{
    if (id < 0) return id;
    if (d->ids == d->id_capacity) {
        d->id_capacity = d->id_capacity ? 2 * d->id_capacity : 64;
        d->id = realloc(d->id, d->id_capacity * sizeof *d->id);
        if (!d->id) die("out of memory for %zu open objects", d->id_capacity);
    }
    return d->id[d->ids++] = id;
}
