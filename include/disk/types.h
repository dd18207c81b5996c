/** disk/types.h: columns <-> HDF5 types.  Memory and file types are the same, so nothing is ever converted. */
#ifndef TOMBOLA_DISK_TYPES_H
#define TOMBOLA_DISK_TYPES_H

#include "base/checked.h"
#include "base/column.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct buf;

hid_t type_plain(enum column_type type, size_t text_size);
hid_t type_compound(const struct column *columns, size_t size);
/** False if it is none of ours. */
CHECKED bool type_read(hid_t type, enum column_type *out);
/** The members of a compound with the units and help of `about`; NULL if one is none of ours, or if two have one name
 *  or overlap. */
struct column *type_columns(hid_t compound, const char *about, struct arena *a);
/** Has `have` the first `count` columns of `want`, of the same types?  Texts may be of any length. */
bool columns_include(const struct column *have, const struct column *want, size_t count);
/** "name [unit]: help" a line. */
void columns_about(const struct column *columns, struct buf *out);
size_t columns_count(const struct column *columns);
const struct column *columns_find(const struct column *columns, const char *name);

#endif
