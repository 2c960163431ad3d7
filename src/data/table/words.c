/* words.c: the different texts of a column, numbered in the order in which they came; see table.h. */
#include <string.h>

#include "base/map.h"
#include "data/table/table.h"

/* Short texts, which most are, in one or two loads. */
static uint64_t hash_of(const char *text, size_t length)
{
    uint64_t a = 0, b = 0;
    if (length > 16)
        return base_hash(text, length, 0);
    if (length >= 8) {
        memcpy(&a, text, 8);
        memcpy(&b, text + length - 8, 8);
    } else if (length >= 4) {
        uint32_t low, high;
        memcpy(&low, text, 4);
        memcpy(&high, text + length - 4, 4);
        a = low;
        b = high;
    } else {
        for (size_t i = 0; i < length; i++)
            a = a << 8 | (unsigned char)text[i];
    }
    a = (a ^ length) * 0x9E3779B97F4A7C15u;
    b = (b ^ a >> 29) * 0xBF58476D1CE4E5B9u;
    return (a ^ b ^ (b >> 32)) * 0x94D049BB133111EBu;
}

const char *table_word_text(const table_words *w, size_t number, size_t *length)
{
    uint64_t from = number ? w->ends.at[number - 1] : 0;
    *length = (size_t)(w->ends.at[number] - from);
    return w->heap.text + from;
}

static bool grow(table_words *w)
{
    size_t capacity = w->capacity ? w->capacity * 2 : 64;
    uint32_t *slots = calloc(capacity, sizeof *slots);
    uint64_t *hashes = slots ? realloc(w->hashes, capacity * sizeof *hashes) : NULL;
    if (!hashes) {
        free(slots);
        return false;
    }
    w->hashes = hashes;
    for (size_t i = 0; i < w->ends.n; i++) {
        size_t at = (size_t)(hashes[i] >> 20) & (capacity - 1);
        while (slots[at])
            at = (at + 1) & (capacity - 1);
        slots[at] = (uint32_t)i + 1;
    }
    free(w->slots);
    w->slots = slots;
    w->capacity = capacity;
    return true;
}

int32_t table_word(table_words *w, const char *text, size_t length, size_t most)
{
    if (w->ends.n * 2 >= w->capacity && !grow(w))
        return -1;
    uint64_t hash = hash_of(text, length);
    size_t at = (size_t)(hash >> 20) & (w->capacity - 1), n;
    for (; w->slots[at]; at = (at + 1) & (w->capacity - 1)) {
        uint32_t number = w->slots[at] - 1;
        if (w->hashes[number] != hash)
            continue;
        const char *known = table_word_text(w, number, &n);
        if (n == length && memcmp(known, text, n) == 0)
            return (int32_t)number;
    }
    if (w->ends.n >= most || w->ends.n >= INT32_MAX)
        return -2;
    base_str_bytes(&w->heap, length ? text : "", length ? length : 0);
    if (length == 0 && !w->heap.text)
        base_str_add(&w->heap, "");
    if (w->heap.failed || !base_vec_push(&w->ends, w->heap.length))
        return -1;
    w->hashes[w->ends.n - 1] = hash;
    w->slots[at] = (uint32_t)w->ends.n;
    return (int32_t)w->ends.n - 1;
}

void table_words_free(table_words *w)
{
    base_str_free(&w->heap);
    base_vec_free(&w->ends);
    free(w->slots);
    free(w->hashes);
    *w = (table_words){0};
}

int table_text_order(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    double v, w;
    if (table_parse_f64(x, strlen(x), &v) && table_parse_f64(y, strlen(y), &w) && v != w)
        return v < w ? -1 : 1;
    return strcmp(x, y);
}
