#include "store/later.h"
#include "disk/types.h"

void later_open(struct later *l, const struct store_specs *specs, const struct column *older,
                const struct column *newer, struct arena *a)
{
    const size_t all = specs->column ? columns_count(specs->column) : 0;
    struct column *lacking = ARENA_NEW(a, all + 1, struct column);
    size_t count = 0;
    for (size_t i = 0; i < all && specs->fill; i++)
        if (!columns_find(older, specs->column[i].name) && columns_find(newer, specs->column[i].name))
            lacking[count++] = specs->column[i];
    *l = (struct later){ .specs = specs, .row = count ? arena_alloc(a, specs->size) : NULL };
    convert_init(&l->convert, lacking, newer, a);
}

void later_fill(const struct later *l, const char *canonical, void *image)
{
    if (l->row && l->specs->fill(canonical, l->row)) convert_run(&l->convert, l->row, image);
}
