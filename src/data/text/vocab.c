/* vocab.c: see vocab.h. */
#include "data/text/vocab.h"

#include "base/text.h"

int32_t text_vocab_find(const text_vocab *v, const char *text, size_t bytes)
{
    if (!v->slots)
        return -1;
    for (uint64_t i = text_hash(text, bytes) & v->mask; v->slots[i]; i = (i + 1) & v->mask) {
        const text_token *t = &v->at[v->slots[i] - 1];
        if (t->bytes == bytes && memcmp(t->text, text, bytes) == 0)
            return (int32_t)v->slots[i] - 1;
    }
    return -1;
}

static tn_status check_ids(const text_entry *entries, size_t n, const char *what, size_t *most, base_error *e)
{
    *most = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t id = entries[i].id;
        /* Holes are allowed, but not so many that a short file asks for much memory. */
        if (id < 0 || id >= TEXT_MOST_TOKENS || (uint64_t)id > 4 * (uint64_t)n + 65536)
            return base_fail(e, TN_FORMAT, "%s: token \"%s\" has id %lld; with %zu tokens ids lie between 0 and %llu",
                             what, BASE_SHOW(entries[i].text), (long long)id, n, (unsigned long long)(4 * n + 65536));
        *most = (size_t)id + 1 > *most ? (size_t)id + 1 : *most;
    }
    return TN_OK;
}

tn_status text_vocab_make(text_vocab *v, base_arena *arena, const text_entry *entries, size_t n, const char *what,
                          base_error *e)
{
    size_t slots = 16;
    BASE_TRY(check_ids(entries, n, what, &v->n, e));
    while (slots < 2 * n)
        slots *= 2;
    v->at = BASE_ARRAY(arena, text_token, v->n + 1);
    v->slots = BASE_ARRAY(arena, uint32_t, slots);
    v->mask = slots - 1;
    if (!v->at || !v->slots)
        return base_no_memory(e, "making a vocabulary");
    for (size_t k = 0; k < n; k++) {
        text_token *t = &v->at[entries[k].id];
        if (t->text)
            return base_fail(e, TN_FORMAT, "%s: tokens \"%s\" and \"%s\" have the same id %lld", what,
                             BASE_SHOW(t->text), BASE_SHOW(entries[k].text), (long long)entries[k].id);
        *t = (text_token){entries[k].text, entries[k].bytes, entries[k].literal};
        if (t->literal)
            continue;
        uint64_t i = text_hash(t->text, t->bytes) & v->mask;
        for (; v->slots[i]; i = (i + 1) & v->mask) {
            const text_token *other = &v->at[v->slots[i] - 1];
            if (other->bytes == t->bytes && memcmp(other->text, t->text, t->bytes) == 0)
                return base_fail(e, TN_FORMAT, "%s: token \"%s\" occurs twice", what, BASE_SHOW(t->text));
        }
        v->slots[i] = (uint32_t)entries[k].id + 1;
    }
    return TN_OK;
}

bool text_pairs_room(text_pairs *t, base_arena *arena, size_t n)
{
    size_t slots = 16;
    while (slots < 2 * n)
        slots *= 2;
    t->slots = BASE_ARRAY(arena, text_pair, slots);
    t->mask = slots - 1;
    t->n = 0;
    return t->slots != NULL;
}

text_pair *text_pairs_put(text_pairs *t, uint32_t left, uint32_t right)
{
    uint64_t key = text_pair_key(left, right), i = text_pair_slot(key) & t->mask;
    while (t->slots[i].key && t->slots[i].key != key)
        i = (i + 1) & t->mask;
    if (!t->slots[i].key) {
        t->slots[i].key = key;
        t->n++;
    }
    return &t->slots[i];
}

tn_status text_trie_make(text_trie *t, base_arena *arena, const text_vocab *v, base_error *e)
{
    size_t total = 1;
    for (size_t i = 0; i < v->n; i++)
        total += v->at[i].text ? v->at[i].bytes : 0;
    t->id = BASE_ARRAY(arena, int32_t, total);
    if (total > UINT32_MAX / 4 || !t->id || !text_pairs_room(&t->edges, arena, total))
        return base_no_memory(e, "making a vocabulary");
    t->id[0] = -1;
    t->nodes = 1;
    for (size_t i = 0; i < v->n; i++) {
        uint32_t node = 0;
        for (uint32_t k = 0; v->at[i].text && k < v->at[i].bytes; k++) {
            unsigned char byte = (unsigned char)v->at[i].text[k];
            text_pair *p = text_pairs_put(&t->edges, node, byte);
            if (!p->id) {
                t->id[t->nodes] = -1;
                p->id = (uint32_t)t->nodes++;
                if (node == 0)
                    t->first[byte] = p->id;
            }
            node = p->id;
        }
        if (node)
            t->id[node] = (int32_t)i;
    }
    return TN_OK;
}
