/* vocab.h: the entries of a vocabulary by number and by text, pairs of numbers in a hash table, and a trie of entries. */
#ifndef DATA_TEXT_VOCAB_H
#define DATA_TEXT_VOCAB_H

#include "base/arena.h"
#include "base/error.h"

#include <string.h>

enum { TEXT_MOST_TOKENS = 1 << 24, TEXT_MOST_TOKEN_BYTES = 1 << 20 };

/* Entry `id` of a vocabulary. `text` NULL: there is no such entry. */
typedef struct text_token {
    const char *text; /* ends in a zero byte that is not counted; may hold others */
    uint32_t bytes;
    bool literal; /* among byte-level entries: one that no bytes can give, as it is not written in the byte alphabet */
} text_token;

typedef struct text_vocab {
    text_token *at;
    size_t n;        /* largest id + 1 */
    uint32_t *slots; /* id + 1 by hash of the text; 0 empty */
    uint64_t mask;
} text_vocab;

/* A quick hash of few bytes; not the same on all machines, and nothing that is kept depends on it. */
static inline uint64_t text_hash(const char *p, size_t n)
{
    uint64_t h = n * 0x9E3779B97F4A7C15u, v;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&v, p, 8);
        h = (h ^ v) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
    }
    v = 0;
    memcpy(&v, p, n);
    h = (h ^ v) * 0xD6E8FEB86659FD93u;
    h ^= h >> 32;
    h *= 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

/* The id of a text, or -1. */
int32_t text_vocab_find(const text_vocab *v, const char *text, size_t bytes);

/* Entries while they are collected: any order, ids to be checked. */
typedef struct text_entry {
    const char *text;
    uint32_t bytes;
    int64_t id;
    bool literal;
} text_entry;
/* Makes the vocabulary: ids at least 0 and not far apart, no id and no text twice. Texts are borrowed (from the arena).
 * `what` names the file or key. */
tn_status text_vocab_make(text_vocab *v, base_arena *arena, const text_entry *entries, size_t n, const char *what,
                          base_error *e);

/* ---- pairs ----------------------------------------------------------------------------------------------------- */

typedef struct text_pair {
    uint64_t key; /* left << 32 | right, plus 1; 0: empty */
    uint32_t rank, id;
} text_pair;
typedef struct text_pairs {
    text_pair *slots;
    uint64_t mask;
    size_t n;
} text_pairs;

static inline uint64_t text_pair_key(uint32_t left, uint32_t right)
{
    return ((uint64_t)left << 32 | right) + 1;
}
static inline uint64_t text_pair_slot(uint64_t key)
{
    uint64_t h = key * 0x9E3779B97F4A7C15u;
    return h ^ h >> 32;
}
/* The pair's slot, or NULL. */
static inline const text_pair *text_pairs_find(const text_pairs *t, uint32_t left, uint32_t right)
{
    uint64_t key = text_pair_key(left, right);
    for (uint64_t i = text_pair_slot(key) & t->mask;; i = (i + 1) & t->mask) {
        if (t->slots[i].key == key)
            return &t->slots[i];
        if (!t->slots[i].key)
            return NULL;
    }
}
/* Room for so many pairs in the arena; afterwards at most so many may be put. */
bool text_pairs_room(text_pairs *t, base_arena *arena, size_t n);
/* The slot of the pair, made if it is new (then rank and id are 0). */
text_pair *text_pairs_put(text_pairs *t, uint32_t left, uint32_t right);

/* ---- trie ------------------------------------------------------------------------------------------------------ */

/* Nodes are numbers, 0 the root; edges (node, byte) are pairs. */
typedef struct text_trie {
    text_pairs edges;
    int32_t *id; /* of the entry that ends at a node, or -1 */
    size_t nodes;
    uint32_t first[256]; /* children of the root, 0: none */
} text_trie;

tn_status text_trie_make(text_trie *t, base_arena *arena, const text_vocab *v, base_error *e);
/* The child of a node, or 0. */
static inline uint32_t text_trie_next(const text_trie *t, uint32_t node, unsigned char byte)
{
    if (node == 0)
        return t->first[byte];
    const text_pair *p = text_pairs_find(&t->edges, node, byte);
    return p ? p->id : 0;
}

#endif
