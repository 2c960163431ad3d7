/* models.c: one piece to ids by WordPiece, Unigram and WordLevel (BPE has a file of its own), and the cache in front of them.
 *
 * WordPiece takes the longest entry that the rest of the word begins with, again and again (Schuster, Nakajima, "Japanese and
 * Korean Voice Search", ICASSP 2012). Unigram takes the cut whose entries have the largest sum of scores (Kudo, "Subword
 * Regularization", ACL 2018), found by going through the bytes once. */
#include <stdlib.h>

#include "base/text.h"
#include "data/text/unicode.h"
#include "data/text/work.h"

static tn_status unknown_piece(text_work *w, const char *p, size_t n, const text_buffer *b, size_t begin)
{
    if (w->t->model.unknown_id < 0) {
        char text[64];
        size_t shown = n < sizeof text - 1 ? n : sizeof text - 1;
        memcpy(text, p, shown);
        text[shown] = '\0';
        return base_fail(&w->err, TN_FORMAT,
                         "\"%s\" is not in the vocabulary, and the tokenizer has no token for what is unknown",
                         BASE_SHOW(text));
    }
    text_push(w, w->t->model.unknown_id, b, begin, begin + n);
    return TN_OK;
}

tn_status text_wordlevel_piece(text_work *w, const char *p, size_t n, const text_buffer *b, size_t begin)
{
    int32_t id = text_vocab_find(&w->t->model.vocab, p, n);
    if (id < 0)
        return unknown_piece(w, p, n, b, begin);
    text_push(w, id, b, begin, begin + n);
    return TN_OK;
}

/* The longest entry at p, from a node of the trie on: its bytes, 0 if there is none. */
static size_t longest(const text_trie *t, uint32_t node, const char *p, size_t n, int32_t *id)
{
    size_t best = 0;
    for (size_t i = 0; i < n; i++) {
        node = text_trie_next(t, node, (unsigned char)p[i]);
        if (!node)
            break;
        if (t->id[node] >= 0) {
            *id = t->id[node];
            best = i + 1;
        }
    }
    return best;
}

static int64_t count_chars(const char *p, size_t n)
{
    int64_t chars = 0;
    size_t used;
    for (size_t i = 0; i < n; i += used, chars++)
        text_next(p + i, p + n, &used);
    return chars;
}

tn_status text_wordpiece_piece(text_work *w, const char *p, size_t n, const text_buffer *b, size_t begin)
{
    const text_model *m = &w->t->model;
    size_t kept = w->n;
    if ((int64_t)n > m->most_chars && count_chars(p, n) > m->most_chars)
        return unknown_piece(w, p, n, b, begin);
    for (size_t i = 0, used; i < n; i += used) {
        int32_t id = -1;
        bool none = i > 0 && m->prefix && !m->continuing;
        used = none ? 0 : longest(&m->trie, i > 0 ? m->continuing : 0, p + i, n - i, &id);
        if (!used) {
            w->n = kept; /* one part unknown: the whole word is */
            return unknown_piece(w, p, n, b, begin);
        }
        text_push(w, id, b, begin + i, begin + i + used);
    }
    return TN_OK;
}

/* ---- Unigram --------------------------------------------------------------------------------------------------- */

/* The best way to a place: its score, the entry it ends with, and where that began (-1: no way yet). */
typedef struct best_path {
    double score;
    int64_t start;
    int32_t id;
} best_path;

static inline void offer(best_path *to, double score, size_t start, int32_t id)
{
    if (to->start < 0 || score > to->score)
        *to = (best_path){score, (int64_t)start, id};
}

static tn_status best_paths(text_work *w, const char *p, size_t n, best_path *path)
{
    const text_model *m = &w->t->model;
    for (size_t i = 0; i <= n; i++)
        path[i] = (best_path){0, -1, -1};
    for (size_t i = 0, chars; i < n; i += chars) {
        bool single = false;
        uint32_t node = 0;
        text_next(p + i, p + n, &chars);
        for (size_t k = i; k < n && (node = text_trie_next(&m->trie, node, (unsigned char)p[k])); k++) {
            int32_t id = m->trie.id[node];
            if (id < 0)
                continue;
            offer(&path[k + 1], path[i].score + m->scores[id], i, id);
            single = single || k + 1 - i == chars;
        }
        if (!single) {
            if (m->unknown_id < 0 && !m->fallback)
                return unknown_piece(w, p + i, chars, NULL, 0);
            offer(&path[i + chars], path[i].score + m->least_score - 10, i, m->unknown_id);
        }
    }
    return TN_OK;
}

/* What no entry covers: its bytes where all have entries, else one unknown token. */
static tn_status push_unknown(text_work *w, const char *p, size_t n, const text_buffer *b, size_t begin)
{
    const text_model *m = &w->t->model;
    bool all = m->fallback;
    for (size_t i = 0; all && i < n; i++)
        all = m->byte_id[(unsigned char)p[i]] >= 0;
    if (!all)
        return unknown_piece(w, p, n, b, begin);
    for (size_t i = 0; i < n; i++)
        text_push(w, m->byte_id[(unsigned char)p[i]], b, begin + i, begin + i + 1);
    return TN_OK;
}

tn_status text_unigram_piece(text_work *w, const char *p, size_t n, const text_buffer *b, size_t begin)
{
    if (!text_grow(&w->paths, &w->paths_capacity, n + 1, sizeof(best_path)))
        return base_no_memory(&w->err, "encoding a text");
    best_path *path = w->paths;
    int32_t unknown = w->t->model.unknown_id;
    BASE_TRY(best_paths(w, p, n, path));
    /* The way back, turned around in place: path[start].start becomes the end of what begins there. */
    for (int64_t end = (int64_t)n; end > 0;) {
        int64_t start = path[end].start;
        path[start].score = (double)end;
        end = start;
    }
    for (size_t i = 0; i < n;) {
        size_t end = (size_t)path[i].score;
        int32_t id = path[end].id;
        if (id == unknown) {
            while (end < n && path[(size_t)path[end].score].id == unknown)
                end = (size_t)path[end].score; /* neighbours that are unknown are one token */
            BASE_TRY(push_unknown(w, p + i, end - i, b, begin + i));
        } else {
            text_push(w, id, b, begin + i, begin + end);
        }
        i = end;
    }
    return TN_OK;
}

/* ---- any model ------------------------------------------------------------------------------------------------- */

static tn_status piece(text_work *w, const char *p, size_t n, const text_buffer *b, size_t begin)
{
    switch (w->t->model.kind) {
    case TEXT_BPE: return text_bpe_piece(w, p, n, b, begin);
    case TEXT_WORDPIECE: return text_wordpiece_piece(w, p, n, b, begin);
    case TEXT_UNIGRAM: return text_unigram_piece(w, p, n, b, begin);
    case TEXT_WORDLEVEL: break;
    }
    return text_wordlevel_piece(w, p, n, b, begin);
}

tn_status text_model_piece(text_work *w, const text_buffer *b, size_t begin, size_t end)
{
    if (!w->track)
        return text_model_quick(w, b->at + begin, end - begin, b->n - begin);
    BASE_TRY(text_work_room(w, end - begin));
    return piece(w, b->at + begin, end - begin, b, begin);
}

/* Keeps what a short piece gave since ids had `first` entries. */
static void remember(text_work *w, text_cached *c, const uint64_t key[2], size_t n, size_t first)
{
    size_t made = w->n - first;
    if (made > TEXT_CACHED_IDS)
        return;
    c->key[0] = key[0];
    c->key[1] = key[1];
    c->bytes = (uint8_t)n;
    c->n = (uint8_t)made;
    memcpy(c->ids, w->ids + first, made * sizeof *c->ids);
}

tn_status text_model_quick(text_work *w, const char *p, size_t n, size_t room)
{
    if (w->n + n + TEXT_CACHED_BYTES > w->capacity)
        BASE_TRY(text_work_room(w, n + TEXT_CACHED_BYTES));
    if (n > TEXT_CACHED_BYTES)
        return piece(w, p, n, NULL, 0);
    uint64_t key[2] = {0, 0};
    if (room >= 16 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
        memcpy(key, p, 16);
        if (n < 8) {
            key[0] &= ((uint64_t)1 << 8 * n) - 1;
            key[1] = 0;
        } else if (n < 16) {
            key[1] &= ((uint64_t)1 << 8 * (n - 8)) - 1;
        }
    } else {
        memcpy(key, p, n);
    }
    uint64_t h = (key[0] ^ key[1] * 0xD6E8FEB86659FD93u ^ n << 56) * 0x9E3779B97F4A7C15u;
    text_cached *c = &w->cache[(h ^ h >> 32) & (TEXT_CACHED - 1)];
    if (c->bytes == n && c->key[0] == key[0] && c->key[1] == key[1]) {
        int32_t *out = w->ids + w->n;
        memcpy(out, c->ids, 4 * sizeof *out);
        if (c->n > 4)
            memcpy(out + 4, c->ids + 4, (TEXT_CACHED_IDS - 4) * sizeof *out);
        w->n += c->n;
        return TN_OK;
    }
    size_t first = w->n;
    BASE_TRY(piece(w, p, n, NULL, 0));
    remember(w, c, key, n, first);
    return TN_OK;
}
