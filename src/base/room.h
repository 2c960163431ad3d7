/* room.h: memory for tensors: aligned as kernels want it, and in large pages where it is large. */
#ifndef BASE_ROOM_H
#define BASE_ROOM_H

#include <stddef.h>

/* Room for so many bytes and a few more, at a multiple of 64; free() it. NULL: out of memory. */
void *base_room(size_t bytes);

#endif
