#include "net/tape.h"

#include "base/err.h"
#include "base/vec.h"

int tape_last(const struct tape *t)
{
    return (int)t->count - 1;
}

static int append(struct tape *t, struct tape_entry entry)
{
    *VEC_MORE_IN(t->arena, t->entry, t->count) = entry;
    return tape_last(t);
}

int tape_weights(struct tape *t, ptrdiff_t offset, size_t size)
{
    return append(t, (struct tape_entry){ .what = TAPE_WEIGHTS, .size = size, .offset = (size_t)offset });
}

int tape_constant(struct tape *t, const double *value, size_t size)
{
    return append(t, (struct tape_entry){ .what = TAPE_CONSTANT, .size = size, .value = value });
}

int tape_numbers(struct tape *t, size_t size)
{
    return append(t, (struct tape_entry){ .what = TAPE_NUMBERS, .size = size });
}

int tape_onehot(struct tape *t, size_t first, size_t positions, size_t symbols)
{
    return append(
        t, (struct tape_entry){
               .what = TAPE_ONEHOT, .first = first, .size = positions * symbols, .m = positions, .k = symbols });
}

int tape_rows(struct tape *t, int a, size_t first, size_t positions, size_t columns)
{
    return append(
        t,
        (struct tape_entry){
            .what = TAPE_ROWS, .a = a, .first = first, .size = positions * columns, .m = positions, .k = columns });
}

int32_t *tape_gather(struct tape *t, int a, size_t size)
{
    int32_t *index = ARENA_SMALL(t->arena, size, int32_t);
    append(t, (struct tape_entry){ .what = TAPE_GATHER, .a = a, .size = size, .index = index });
    return index;
}

int tape_product(struct tape *t, int a, int b, size_t m, size_t n, size_t k)
{
    MUST(t->entry[a].size == m * k && t->entry[b].size == n * k);
    return append(t,
                  (struct tape_entry){ .what = TAPE_PRODUCT, .a = a, .b = b, .size = m * n, .m = m, .n = n, .k = k });
}

static int pair(struct tape *t, enum tape_primitive what, int a, int b)
{
    MUST(t->entry[a].size == t->entry[b].size);
    return append(t, (struct tape_entry){ .what = what, .a = a, .b = b, .size = t->entry[a].size });
}

int tape_add(struct tape *t, int a, int b)
{
    return pair(t, TAPE_ADD, a, b);
}

int tape_multiply(struct tape *t, int a, int b)
{
    return pair(t, TAPE_MULTIPLY, a, b);
}

int tape_scale(struct tape *t, int a, double number)
{
    return append(t, (struct tape_entry){ .what = TAPE_SCALE, .a = a, .size = t->entry[a].size, .number = number });
}

static int reduce(struct tape *t, enum tape_primitive what, int a, size_t k)
{
    MUST(t->entry[a].size % k == 0);
    return append(t, (struct tape_entry){ .what = what, .a = a, .size = t->entry[a].size / k, .k = k });
}

int tape_sum(struct tape *t, int a, size_t k)
{
    return reduce(t, TAPE_SUM, a, k);
}

int tape_max(struct tape *t, int a, size_t k)
{
    return reduce(t, TAPE_MAX, a, k);
}

int tape_unary(struct tape *t, int a, enum tape_function function, double number)
{
    return append(t,
                  (struct tape_entry){
                      .what = TAPE_UNARY, .a = a, .size = t->entry[a].size, .function = function, .number = number });
}

int tape_repeat(struct tape *t, int a, size_t size)
{
    const size_t k = t->entry[a].size;
    int32_t *index = tape_gather(t, a, size);
    for (size_t i = 0; i < size; i++) index[i] = (int32_t)(i % k);
    return tape_last(t);
}

int tape_spread(struct tape *t, int a, size_t k)
{
    const size_t size = t->entry[a].size * k;
    int32_t *index = tape_gather(t, a, size);
    for (size_t i = 0; i < size; i++) index[i] = (int32_t)(i / k);
    return tape_last(t);
}

int tape_part(struct tape *t, int a, size_t first, size_t size)
{
    int32_t *index = tape_gather(t, a, size);
    for (size_t i = 0; i < size; i++) index[i] = (int32_t)(first + i);
    return tape_last(t);
}

int tape_add_row(struct tape *t, int a, int b)
{
    return tape_add(t, a, tape_repeat(t, b, t->entry[a].size));
}
