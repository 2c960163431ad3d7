/* arena.c: see arena.h. */
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"

struct base_arena_block {
    base_arena_block *next;
    size_t used, size;
    _Alignas(16) unsigned char data[];
};

/* The hard build makes blocks tiny, so that the growing path is the common one. */
#ifdef TARN_HARD
enum { FIRST_BLOCK = 64, LARGEST_BLOCK = 64 };
#else
enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20 };
#endif

static base_arena_block *grow(base_arena *a, size_t bytes)
{
    size_t size = a->last ? a->last->size * 2 : FIRST_BLOCK;
    if (size > LARGEST_BLOCK)
        size = LARGEST_BLOCK;
    if (size < bytes)
        size = bytes;
    base_arena_block *b = malloc(sizeof *b + size);
    if (!b)
        return NULL;
    b->next = a->last;
    b->used = 0;
    b->size = size;
    a->last = b;
    a->total += sizeof *b + size;
    return b;
}

void *base_arena_alloc(base_arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX / 4)
        return NULL;
    bytes = (bytes + 15) & ~(size_t)15;
    base_arena_block *b = a->last;
    if (!b || b->size - b->used < bytes)
        b = grow(a, bytes);
    if (!b)
        return NULL;
    void *p = b->data + b->used;
    b->used += bytes;
    memset(p, 0, bytes);
    return p;
}

void *base_arena_array(base_arena *a, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        return NULL;
    return base_arena_alloc(a, count * size);
}

void *base_arena_copy(base_arena *a, const void *data, size_t bytes)
{
    void *p = base_arena_alloc(a, bytes);
    if (p && bytes)
        memcpy(p, data, bytes);
    return p;
}

char *base_arena_strdup(base_arena *a, const char *text)
{
    return text ? base_arena_copy(a, text, strlen(text) + 1) : NULL;
}

char *base_arena_printf(base_arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = base_vprint(NULL, 0, fmt, args);
    va_end(args);
    char *p = n < 0 ? NULL : base_arena_alloc(a, (size_t)n + 1);
    if (!p)
        return NULL;
    va_start(args, fmt);
    (void)base_vprint(p, (size_t)n + 1, fmt, args);
    va_end(args);
    return p;
}

void base_arena_free(base_arena *a)
{
    for (base_arena_block *b = a->last; b;) {
        base_arena_block *next = b->next;
        free(b);
        b = next;
    }
    a->last = NULL;
    a->total = 0;
}
