/* map.c: see map.h. */
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t FNV_OFFSET = 14695981039346656037u;

uint64_t base_hash(const void *data, size_t bytes, uint64_t seed)
{
    const unsigned char *p = data;
    uint64_t h = seed ^ FNV_OFFSET;
    for (size_t i = 0; i < bytes; i++)
        h = (h ^ p[i]) * 1099511628211u;
    return h;
}

uint64_t base_hash_text(const char *text)
{
    return base_hash(text, strlen(text), 0);
}

static base_map_slot *find(const base_map *m, const char *key)
{
    size_t i = (size_t)base_hash_text(key) & (m->capacity - 1);
    while (m->slots[i].key && strcmp(m->slots[i].key, key) != 0)
        i = (i + 1) & (m->capacity - 1);
    return &m->slots[i];
}

void *base_map_get(const base_map *m, const char *key)
{
    return m->capacity ? find(m, key)->value : NULL;
}

static bool rehash(base_map *m)
{
    base_map bigger = {.capacity = m->capacity ? m->capacity * 2 : 16, .n = m->n};
    bigger.slots = calloc(bigger.capacity, sizeof *bigger.slots);
    if (!bigger.slots)
        return false;
    for (size_t i = 0; i < m->capacity; i++)
        if (m->slots[i].key)
            *find(&bigger, m->slots[i].key) = m->slots[i];
    free(m->slots);
    *m = bigger;
    return true;
}

bool base_map_put(base_map *m, const char *key, void *value)
{
    if (m->n * 4 >= m->capacity * 3 && !rehash(m))
        return false;
    base_map_slot *s = find(m, key);
    if (!s->key)
        m->n++;
    s->key = key;
    s->value = value;
    return true;
}

void base_map_free(base_map *m)
{
    free(m->slots);
    *m = (base_map){0};
}
