#include "base/arena.h"
#include "base/err.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, BLOCK = 1 << 16, BLOCK_MAX = 1 << 24 };

struct arena_block {
    struct arena_block *older;
    size_t size, used;
    char *data;
};

static size_t round_up(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
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

void *arena_alloc(struct arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX / 2) die("out of memory: %zu bytes", bytes);
    bytes = round_up(bytes ? bytes : 1);
    if (!a->block || a->block->size - a->block->used < bytes) push_block(a, bytes);
    void *p = a->block->data + a->block->used;
    a->block->used += bytes;
    a->used += bytes;
    if (a->used > a->peak) a->peak = a->used;
    return memset(p, 0, bytes);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size) die("out of memory: %zu times %zu bytes", count, size);
    return arena_alloc(a, count * size);
}

char *arena_text(struct arena *a, const char *text, size_t length)
{
    char *copy = arena_alloc(a, length + 1);
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
