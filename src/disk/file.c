#include "disk/file.h"
#include "base/vec.h"

hid_t disk_keep(struct disk *d, hid_t id)
{
    if (id < 0) return id;
    return *VEC_MORE(d->id, d->ids) = id;
}
