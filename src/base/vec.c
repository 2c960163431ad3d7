/* vec.c: see vec.h. */
#include "base/vec.h"

bool base_vec_grow(void **at, size_t *capacity, size_t n, size_t size)
{
    if (n < *capacity)
        return true;
    size_t want = *capacity ? *capacity * 2 : 8;
    if (want > SIZE_MAX / size)
        return false;
    void *p = realloc(*at, want * size);
    if (!p)
        return false;
    *at = p;
    *capacity = want;
    return true;
}
