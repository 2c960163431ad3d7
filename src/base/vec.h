/* vec.h: a growing array of any type: base_vec(int) v = {0}; if (!base_vec_push(&v, 3)) out of memory; v.at[0]; v.n. */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include <stddef.h>
#include <stdlib.h>
#include <tarn/core.h>

#define base_vec(type)                                                                                                 \
    struct {                                                                                                           \
        type *at;                                                                                                      \
        size_t n, capacity;                                                                                            \
    }

/* Room for one more; used through base_vec_push. */
bool base_vec_grow(void **at, size_t *capacity, size_t n, size_t size);

#define base_vec_push(v, ...)                                                                                          \
    (base_vec_grow((void **)&(v)->at, &(v)->capacity, (v)->n, sizeof *(v)->at)                                         \
         ? ((v)->at[(v)->n++] = (__VA_ARGS__), true)                                                                   \
         : false)
#define base_vec_free(v) (free((v)->at), (v)->at = NULL, (v)->n = (v)->capacity = 0)

#endif
