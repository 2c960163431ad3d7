/* arena.h: memory that is freed all at once. Blocks grow by doubling; what is handed out is zeroed and aligned to 16.
 * A NULL result means that memory is out; the arena stays usable. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <tarn/core.h>

typedef struct base_arena_block base_arena_block;
typedef struct base_arena {
    base_arena_block *last;
    size_t total; /* bytes taken from the system */
} base_arena;

void *base_arena_alloc(base_arena *a, size_t bytes);
/* count * size with overflow checked. */
void *base_arena_array(base_arena *a, size_t count, size_t size);
char *base_arena_strdup(base_arena *a, const char *text);
void *base_arena_copy(base_arena *a, const void *data, size_t bytes);
char *base_arena_printf(base_arena *a, const char *fmt, ...) TN_PRINTF(2, 3);
void base_arena_free(base_arena *a);

#define BASE_NEW(arena, type) ((type *)base_arena_alloc((arena), sizeof(type)))
#define BASE_ARRAY(arena, type, count) ((type *)base_arena_array((arena), (size_t)(count), sizeof(type)))

#endif
