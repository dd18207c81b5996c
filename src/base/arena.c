#include "base/arena.h"
#include "base/err.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, ALIGN_SMALL = 8, BLOCK = 1 << 16, BLOCK_MAX = 1 << 24 };

struct arena_block {
    struct arena_block *older;
    size_t size, used;
    char *data;
};

static size_t round_up(size_t bytes, size_t align)
{
    return (bytes + align - 1) / align * align;
}

/* Blocks double in size, so that an arena of any size has few of them. */
static void push_block(struct arena *a, size_t bytes)
{
    size_t size = a->block ? 2 * a->block->size : BLOCK;
    if (size > BLOCK_MAX) size = BLOCK_MAX;
    if (size < bytes) size = bytes;
    struct arena_block *b = malloc(sizeof *b);
    if (!b || posix_memalign((void **)&b->data, ALIGN, size)) die("out of memory: %zu bytes", size);
    b->older = a->block;
    b->size = size;
    b->used = 0;
    a->block = b;
}

static void pop_block(struct arena *a)
{
    struct arena_block *b = a->block;
    a->block = b->older;
    free(b->data);
    free(b);
}

void arena_release(struct arena *a)
{
    while (a->block) pop_block(a);
    memset(a, 0, sizeof *a);
}

static void *take(struct arena *a, size_t bytes, size_t align)
{
    if (bytes > SIZE_MAX / 2) die("out of memory: %zu bytes", bytes);
    bytes = round_up(bytes ? bytes : 1, align);
    size_t from = a->block ? round_up(a->block->used, align) : 0;
    if (!a->block || a->block->size < from || a->block->size - from < bytes) {
        push_block(a, bytes);
        from = 0;
    }
    a->used += from + bytes - a->block->used;
    a->block->used = from + bytes;
    if (a->used > a->peak) a->peak = a->used;
    return memset(a->block->data + from, 0, bytes);
}

static size_t product(size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size) die("out of memory: %zu times %zu bytes", count, size);
    return count * size;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    return take(a, bytes, ALIGN);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    return take(a, product(count, size), ALIGN);
}

void *arena_small(struct arena *a, size_t count, size_t size)
{
    return take(a, product(count, size), ALIGN_SMALL);
}

char *arena_text(struct arena *a, const char *text, size_t length)
{
    char *copy = take(a, length + 1, ALIGN_SMALL);
    return memcpy(copy, text, length);
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){ a->block, a->block ? a->block->used : 0, a->used };
}

void arena_rewind(struct arena *a, struct arena_mark m)
{
    while (a->block != m.block) pop_block(a);
    if (a->block) a->block->used = m.block_used;
    a->used = m.used;
}
