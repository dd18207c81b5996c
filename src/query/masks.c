#include "base/arena.h"
#include "base/buf.h"
#include "base/column.h"
#include "base/err.h"
#include "query/function.h"
#include "query/records.h"
#include "query/state.h"
#include "store/store.h"

#include <string.h>

/* jaccard(a, b) and jaccard(a, b, tensor): 1 - |A and B| / |A or B| of the masks of two jobs, NULL if one has none.
 */

struct stored_mask {
    size_t family, length;
    uint8_t *kept;
};

/* 1: there it is; 0: it trains without a mask; -1 with *q->e filled. */
static int read_mask_of(struct query *q, const struct store_row *r, struct stored_mask *out)
{
    out->family = (size_t)r->family;
    const size_t array = store_array_find(q->s, out->family, "masks");
    if (array == SIZE_MAX) return 0;
    if (store_family(q->s, out->family)->array[array].type != COLUMN_U8)
        return err_at(q->e, ERR_STORE, store_path(q->s), NOWHERE, NULL, "/families/%s/masks holds no masks",
                      store_family(q->s, out->family)->name);
    const size_t parts = store_family(q->s, out->family)->array[array].parts;
    const size_t part =
        parts > 2 ? parts - 3 : 0; /* a trained mask: of the last epoch, before those of mem and gen */
    if (!store_has(q->s, r, array, part)) return 0;
    out->length = store_part_bytes(&store_family(q->s, out->family)->array[array]);
    out->kept = arena_alloc(&q->arena, out->length);
    return store_get(q->s, r, array, part, out->kept, out->length, q->e) ? -1 : 1;
}

/* 0: there is no such job, too. */
static int read_mask(struct query *q, const char *id, struct stored_mask *out)
{
    size_t row;
    int there = query_find(q, id, &row);
    bool stays = there <= 0;
    for (int i = 0; i < QUERY_TRIES && !stays; i++) {
        struct store_row r;
        *q->e = (struct err){ 0 };
        if (store_read_row(q->s, (uint32_t)row, &r, NULL, q->e)) return -1;
        there = read_mask_of(q, &r, out);
        stays = store_stays(q->s, (uint32_t)row, &r);
    }
    return there;
}

static double distance(const uint8_t *a, const uint8_t *b, size_t n)
{
    size_t both = 0, either = 0;
    for (size_t i = 0; i < n; i++) {
        both += a[i] && b[i];
        either += a[i] || b[i];
    }
    return either ? 1 - (double)both / (double)either : 0;
}

/* Where a tensor lies in the flat vectors of a family; 1, 0 (there is none of that name) or -1 as read_mask. */
static int find_tensor(struct query *q, size_t family, const char *name, size_t *offset, size_t *size)
{
    struct store_tensor *tensor;
    size_t count;
    if (store_read_tensors(q->s, family, &q->arena, &tensor, &count, q->e)) return -1;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tensor[i].name, name) != 0) continue;
        *offset = tensor[i].offset;
        *size = tensor[i].size;
        return 1;
    }
    return 0;
}

/* 1, 0 (NULL) or -1 as read_mask. */
static int compare(struct query *q, const char *const id[2], const char *tensor, double *out)
{
    struct stored_mask mask[2];
    for (size_t i = 0; i < 2; i++) {
        const int there = id[i] ? read_mask(q, id[i], &mask[i]) : 0;
        if (there <= 0) return there;
    }
    size_t from[2] = { 0, 0 }, size[2] = { mask[0].length, mask[1].length };
    for (size_t i = 0; i < 2 && tensor; i++) {
        const int there = find_tensor(q, mask[i].family, tensor, &from[i], &size[i]);
        if (there <= 0) return there;
    }
    if (size[0] != size[1] || from[0] + size[0] > mask[0].length || from[1] + size[1] > mask[1].length) return 0;
    *out = distance(mask[0].kept + from[0], mask[1].kept + from[1], size[0]);
    return 1;
}

static int jaccard(struct query *q, sqlite3_context *out, int argc, sqlite3_value **argv)
{
    const char *const id[2] = { query_text(argv[0]), query_text(argv[1]) };
    double value = 0;
    struct arena_mark m = arena_mark(&q->arena);
    const int there = compare(q, id, argc > 2 ? query_text(argv[2]) : NULL, &value);
    arena_rewind(&q->arena, m);
    if (there > 0) sqlite3_result_double(out, value);
    return there;
}

const struct query_function query_jaccard = {
    "jaccard", 2, 3, jaccard,
    "    jaccard(a, b[, tensor]): 1 - |A and B| / |A or B| of the masks of jobs a and b, or of one tensor's; NULL "
    "without a mask\n"
};
