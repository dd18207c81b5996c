/** disk/convert.h: rows of one layout to rows of another, column by column, by name. */
#ifndef TOMBOLA_DISK_CONVERT_H
#define TOMBOLA_DISK_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct column;

struct span {
    size_t from, to, size, pad; /* copy size bytes, then pad zeros       */
    const uint8_t *map;         /* of an enum whose names have moved     */
};
struct convert {
    struct span *span;
    size_t spans;
};
void convert_init(struct convert *c, const struct column *from, const struct column *to, struct arena *a);
void convert_run(const struct convert *c, const void *from, void *to);
/** Can every value of `from` be kept in `to`? */
bool column_holds(const struct column *to, const struct column *from);

#endif
