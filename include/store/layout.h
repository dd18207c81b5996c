/** store/layout.h: where the rows of a store lie, for ranks that do not open it with HDF5. */
#ifndef TOMBOLA_STORE_LAYOUT_H
#define TOMBOLA_STORE_LAYOUT_H

#include "base/checked.h"

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct store;

void layout_write(struct store *s, struct buf *out);
/** Into a store that is new.  Everything in its arena.  False if the bytes are not all of it. */
CHECKED bool layout_read(struct store *s, const char *bytes, size_t size);

#endif
