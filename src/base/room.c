/* room.c: see room.h. Blocks of several megabytes ask for the kernel's large pages: they are there 512 times as fast when first
 * touched, and the processor finds their addresses without walking through tables. */
#define _DEFAULT_SOURCE /* madvise */ // NOLINT: the name is the C library's
#include "base/room.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, PAGE = 2 << 20, LARGE = 2 * PAGE };

void *base_room(size_t bytes)
{
    const size_t align = bytes >= LARGE ? PAGE : ALIGN;
    if (bytes > SIZE_MAX - ALIGN - align)
        return NULL;
    const size_t size = (bytes + ALIGN) & ~(size_t)(ALIGN - 1);
    void *room = aligned_alloc(align, (size + align - 1) & ~(align - 1));
#ifdef MADV_HUGEPAGE
    if (room && bytes >= LARGE) /* the last page only as far as it is used: what it does not touch is not there */
        (void)madvise(room, size & ~(size_t)(PAGE - 1), MADV_HUGEPAGE);
#endif
    return room;
}

bool base_grow(void *at, size_t bytes)
{
    void *now, *more;
    memcpy(&now, at, sizeof now); /* of any pointer type */
    more = realloc(now, bytes);
    if (more)
        memcpy(at, &more, sizeof more);
    return more != NULL; // cppcheck-suppress memleak ; it went to *at
}
