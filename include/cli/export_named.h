/** cli/export_named.h: tensors under the names that another program has for them. */
#ifndef TOMBOLA_CLI_EXPORT_NAMED_H
#define TOMBOLA_CLI_EXPORT_NAMED_H

#include "disk/archive.h"
#include "job/naming.h"
#include "store/store.h"

/** The array that holds some tensors of a flat vector; its numbers are in the arena, or in flat. */
CHECKED int export_named(struct archive_array *out, const struct naming_array *a, const struct store_tensor *tensor,
                         size_t count, enum column_type type, const char *flat, struct arena *arena, struct err *e);

#endif
