/** base/vec.h: arrays that grow an element at a time, and are nothing but a pointer and a count. */
#ifndef TOMBOLA_BASE_VEC_H
#define TOMBOLA_BASE_VEC_H

#include "base/arena.h"

/** The array, with room for one more behind its count elements; it must have grown by this alone.  NULL: an empty
 * one. To be freed with free(). */
void *vec_room(void *array, size_t count, size_t size);
/** The same in an arena, where what is new is 0. */
void *vec_room_in(struct arena *a, void *array, size_t count, size_t size);

/** Where the new last element is to stand.  Both are evaluated several times; count is raised. */
#define VEC_MORE(array, count) ((array) = vec_room((array), (count), sizeof *(array)), &(array)[(count)++])
#define VEC_MORE_IN(arena, array, count)                                                                             \
    ((array) = vec_room_in((arena), (array), (count), sizeof *(array)), &(array)[(count)++])

#endif
