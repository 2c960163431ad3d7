/* map.h: from names to pointers; open addressing, keys are borrowed and must outlive the map. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <tarn/core.h>

typedef struct base_map_slot {
    const char *key;
    void *value;
} base_map_slot;
typedef struct base_map {
    base_map_slot *slots;
    size_t n, capacity; /* capacity is 0 or a power of two */
} base_map;

/* The value, or NULL. */
void *base_map_get(const base_map *m, const char *key);
/* Adds or replaces; false when memory is out (the map is then unchanged). */
bool base_map_put(base_map *m, const char *key, void *value);
void base_map_free(base_map *m);
/* FNV-1a, 64 bit: the same on every machine, as it seeds random streams by name. */
uint64_t base_hash(const void *data, size_t bytes, uint64_t seed);
uint64_t base_hash_text(const char *text);

#endif
