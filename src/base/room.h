/* room.h: memory for tensors: aligned as kernels want it, and in large pages where it is large. */
#ifndef BASE_ROOM_H
#define BASE_ROOM_H

#include <stdbool.h>
#include <stddef.h>

/* Room for so many bytes and a few more, at a multiple of 64; free() it. NULL: out of memory. */
void *base_room(size_t bytes);
/* realloc for the pointer that `at` points to, which stays as it was when memory is out (false). */
bool base_grow(void *at, size_t bytes);

#endif
