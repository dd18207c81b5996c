/** base/arena.h: memory that is freed all at once.
 *
 *  A job allocates only from its arena; after ten thousand jobs nothing has leaked because nothing is freed singly.
 *  Allocation never fails: a machine out of memory is a `die`.
 */
#ifndef TOMBOLA_BASE_ARENA_H
#define TOMBOLA_BASE_ARENA_H

#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *block; /* newest first */
    size_t used, peak;         /* bytes handed out now, and at most so far */
};
struct arena_mark {
    struct arena_block *block;
    size_t block_used, used;
};

/** A zeroed arena is ready for use. */
void arena_release(struct arena *a);

/** bytes of zeroed memory, aligned to 64; it lives until a rewind or a release. */
void *arena_alloc(struct arena *a, size_t bytes);
/** count * size bytes, checked for overflow. */
void *arena_array(struct arena *a, size_t count, size_t size);
/** The same, aligned to 8 only: for what is small and many, and holds no numbers to compute with. */
void *arena_small(struct arena *a, size_t count, size_t size);
char *arena_text(struct arena *a, const char *text, size_t length);

/** Everything allocated after the mark is given back by the rewind. */
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark m);

#define ARENA_NEW(a, count, type)   ((type *)arena_array((a), (count), sizeof(type)))
#define ARENA_SMALL(a, count, type) ((type *)arena_small((a), (count), sizeof(type)))

#endif
