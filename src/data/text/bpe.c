/* bpe.c: byte pair encoding of one piece (Sennrich, Haddow, Birch, "Neural Machine Translation of Rare Words with Subword
 * Units", ACL 2016): from single bytes or characters, the neighbours of lowest rank are merged, leftmost first, until no pair
 * is in the list. Short pieces look for the lowest rank by going along; long ones keep a heap. */
#include "data/text/unicode.h"
#include "data/text/work.h"

enum { SHORT = 40 };
static const uint32_t NO_RANK = UINT32_MAX;

static inline void rank_pair(const text_model *m, text_symbol *left, const text_symbol *right)
{
    const text_pair *p = text_pairs_find(&m->pairs, (uint32_t)left->id, (uint32_t)right->id);
    left->rank = p ? p->rank : NO_RANK;
    left->merged = p ? (int32_t)p->id : -1;
}

/* Merges in place, symbols moving up; their number afterwards. */
static size_t merge_short(const text_model *m, text_symbol *s, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++)
        rank_pair(m, &s[i], &s[i + 1]);
    while (n > 1) {
        size_t best = 0;
        uint32_t rank = s[0].rank;
        for (size_t i = 1; i + 1 < n; i++)
            if (s[i].rank < rank) {
                rank = s[i].rank;
                best = i;
            }
        if (rank == NO_RANK)
            break;
        s[best].id = s[best].merged;
        s[best].bytes += s[best + 1].bytes;
        n--;
        memmove(&s[best + 1], &s[best + 2], (n - best - 1) * sizeof *s);
        if (best + 1 < n)
            rank_pair(m, &s[best], &s[best + 1]);
        else
            s[best].rank = NO_RANK;
        if (best > 0)
            rank_pair(m, &s[best - 1], &s[best]);
    }
    return n;
}

static void heap_up(uint64_t *h, size_t i)
{
    uint64_t v = h[i];
    for (; i > 0 && h[(i - 1) / 2] > v; i = (i - 1) / 2)
        h[i] = h[(i - 1) / 2];
    h[i] = v;
}

static uint64_t heap_take(uint64_t *h, size_t *n)
{
    uint64_t top = h[0], v = h[--*n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < *n; i = child) {
        child += child + 1 < *n && h[child + 1] < h[child];
        if (h[child] >= v)
            break;
        h[i] = h[child];
    }
    h[i] = v;
    return top;
}

static void heap_put(uint64_t *h, size_t *n, const text_symbol *s, int32_t i)
{
    if (s[i].rank == NO_RANK)
        return;
    h[*n] = (uint64_t)s[i].rank << 32 | (uint32_t)i;
    heap_up(h, (*n)++);
}

/* Every merge puts at most two new pairs, so 3 n places are enough. */
static size_t merge_long(const text_model *m, text_symbol *s, size_t n, uint64_t *heap)
{
    size_t waiting = 0, kept = 0;
    for (size_t i = 0; i < n; i++) {
        s[i].previous = (int32_t)i - 1;
        s[i].next = i + 1 < n ? (int32_t)i + 1 : -1;
        s[i].rank = NO_RANK;
        if (i + 1 < n)
            rank_pair(m, &s[i], &s[i + 1]);
        heap_put(heap, &waiting, s, (int32_t)i);
    }
    while (waiting) {
        uint64_t top = heap_take(heap, &waiting);
        text_symbol *left = &s[(uint32_t)top];
        if (left->rank != top >> 32 || left->next < 0)
            continue; /* merged otherwise meanwhile */
        text_symbol *right = &s[left->next];
        left->id = left->merged;
        left->bytes += right->bytes;
        left->next = right->next;
        right->rank = NO_RANK;
        right->bytes = 0;
        left->rank = NO_RANK;
        if (left->next >= 0) {
            s[left->next].previous = (int32_t)(uint32_t)top;
            rank_pair(m, left, &s[left->next]);
            heap_put(heap, &waiting, s, (int32_t)(uint32_t)top);
        }
        if (left->previous >= 0) {
            rank_pair(m, &s[left->previous], left);
            heap_put(heap, &waiting, s, left->previous);
        }
    }
    for (size_t i = 0; i < n; i++)
        if (s[i].bytes)
            s[kept++] = s[i];
    return kept;
}

/* The entry of the character at p with prefix or suffix as its place demands, or -1. */
static int32_t char_entry(const text_model *m, const char *p, size_t used, bool first, bool last)
{
    if ((!m->prefix || first) && (!m->suffix || !last))
        return text_vocab_find(&m->vocab, p, used);
    char text[128];
    size_t n = 0, prefix = m->prefix && !first ? strlen(m->prefix) : 0,
           suffix = m->suffix && last ? strlen(m->suffix) : 0;
    if (prefix + used + suffix > sizeof text)
        return -1;
    memcpy(text, m->prefix ? m->prefix : "", prefix);
    memcpy(text + (n += prefix), p, used);
    memcpy(text + (n += used), m->suffix ? m->suffix : "", suffix);
    return text_vocab_find(&m->vocab, text, n + suffix);
}

/* All bytes of a character as entries; 0 if one has none. */
static size_t by_bytes(const text_model *m, const char *p, size_t used, text_symbol *s)
{
    for (size_t i = 0; i < used; i++) {
        int32_t id = m->byte_id[(unsigned char)p[i]];
        if (id < 0)
            return 0;
        s[i] = (text_symbol){.id = id, .bytes = 1};
    }
    return used;
}

static size_t first_symbols(const text_model *m, bool raw, const char *p, size_t n, text_symbol *s)
{
    size_t count = 0, used;
    bool unknown = false; /* the last symbol is one */
    for (size_t i = 0; i < n; i += used) {
        size_t made = 0;
        used = 1;
        if (!raw)
            text_next(p + i, p + n, &used);
        int32_t id = raw ? m->byte_id[(unsigned char)p[i]] : char_entry(m, p + i, used, i == 0, i + used == n);
        if (id >= 0) {
            s[count] = (text_symbol){.id = id, .bytes = (uint32_t)used};
            made = 1;
        } else if (m->fallback) {
            made = by_bytes(m, p + i, used, s + count);
        }
        if (made) {
            unknown = false;
        } else if (m->unknown_id >= 0 && unknown && m->fuse_unknown) {
            s[count - 1].bytes += (uint32_t)used;
        } else if (m->unknown_id >= 0) {
            s[count] = (text_symbol){.id = m->unknown_id, .bytes = (uint32_t)used};
            unknown = true;
            made = 1;
        }
        count += made; /* without an unknown token what is unknown is left out */
    }
    return count;
}

tn_status text_bpe_piece(text_work *w, const char *p, size_t n, const text_buffer *b, size_t begin)
{
    const text_model *m = &w->t->model;
    int32_t whole = m->ignore_merges ? text_vocab_find(&m->vocab, p, n) : -1;
    if (n > INT32_MAX)
        return base_fail(&w->err, TN_LIMIT, "a piece of %zu bytes without a place to cut is too long for BPE", n);
    if (whole >= 0) {
        text_push(w, whole, b, begin, begin + n);
        return TN_OK;
    }
    if (!text_grow((void **)&w->symbols, &w->symbols_capacity, n, sizeof *w->symbols))
        return base_no_memory(&w->err, "encoding a text");
    size_t count = first_symbols(m, w->t->raw, p, n, w->symbols);
    if (count <= SHORT) {
        count = merge_short(m, w->symbols, count);
    } else {
        if (!text_grow((void **)&w->heap, &w->heap_capacity, 3 * count, sizeof *w->heap))
            return base_no_memory(&w->err, "encoding a text");
        count = merge_long(m, w->symbols, count, w->heap);
    }
    for (size_t i = 0; i < count; i++) {
        text_push(w, w->symbols[i].id, b, begin, begin + w->symbols[i].bytes);
        begin += w->symbols[i].bytes;
    }
    return TN_OK;
}
