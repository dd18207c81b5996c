/** disk/links.h: the only way into a file from a stranger. */
#ifndef TOMBOLA_DISK_LINKS_H
#define TOMBOLA_DISK_LINKS_H

#include "base/checked.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

struct err;
struct disk;

struct link_object {
    hid_t object;     /* open as long as the visit lasts        */
    const char *path; /* from where the walk began; as lasting  */
    size_t depth;     /* 0: in the group where the walk began   */
    bool dataset;     /* else a group                           */
};
enum { LINK_INTO, LINK_PAST };
/** LINK_INTO: what is in the group follows; LINK_PAST: it does not.  -1, if *e is not filled: the object is damaged.
 */
typedef int link_visit(void *ctx, const struct link_object *at, struct err *e);
/** Visit all that is in the group and below, by name.  ERR_STORE, naming it with `base` before its path, for any link
 *  but a hard one, for an object with two names, and for datasets with a shape_fault. */
CHECKED int links_walk(struct disk *d, hid_t group, const char *base, link_visit *visit, void *ctx, struct err *e);

#endif
