/* tokenizer.c: making, keeping and asking tokenizers; see tokenizer.h. */
#include "data/text/tokenizer.h"

#include <stdlib.h>

#include "base/text.h"
#include "data/text/pattern.h"
#include "data/text/unicode.h"
#include "data/text/work.h"

tn_tokenizer *text_tokenizer_new(base_error *e)
{
    tn_tokenizer *t = calloc(1, sizeof *t);
    if (!t) {
        base_no_memory(e, "making a tokenizer");
        return NULL;
    }
    atomic_init(&t->references, 1);
    t->model.unknown_id = -1;
    for (int i = 0; i < 256; i++)
        t->model.byte_id[i] = -1;
    return t;
}

tn_tokenizer *text_tokenizer_retain(const tn_tokenizer *t)
{
    tn_tokenizer *mine = (tn_tokenizer *)(uintptr_t)t;
    atomic_fetch_add_explicit(&mine->references, 1, memory_order_relaxed);
    return mine;
}

void tn_tokenizer_free(tn_tokenizer *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->references, 1, memory_order_acq_rel) != 1)
        return;
    base_arena_free(&t->arena);
    free(t);
}

tn_text text_keep(tn_tokenizer *t, const char *text, size_t bytes)
{
    char *copy = base_arena_alloc(&t->arena, bytes + 1);
    if (copy && bytes)
        memcpy(copy, text, bytes);
    return (tn_text){copy, bytes};
}

text_step *text_steps_add(tn_tokenizer *t, text_steps *steps, text_step step)
{
    text_step *at = BASE_ARRAY(&t->arena, text_step, steps->n + 1); /* few steps: the old array is no loss */
    if (!at)
        return NULL;
    if (steps->n)
        memcpy(at, steps->at, steps->n * sizeof *at);
    at[steps->n] = step;
    steps->at = at;
    return &at[steps->n++];
}

/* ---- the byte alphabet ----------------------------------------------------------------------------------------- */

/* Bytes that stand for themselves: printable ones of Latin-1. The other 68 follow in order from U+0100 on. */
static bool is_own(unsigned b)
{
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
}

static unsigned others_below(unsigned b)
{
    return b <= 33 ? b : b <= 126 ? 33 : b <= 161 ? b - 94 : b <= 172 ? 67 : 67 + (b > 173);
}

size_t text_alphabet_put(unsigned char byte, char out[2])
{
    int32_t c = is_own(byte) ? byte : 256 + (int32_t)others_below(byte);
    char utf8[4];
    size_t n = text_put(c, utf8);
    memcpy(out, utf8, 2);
    return n;
}

/* The byte of a character of the alphabet, or -1. */
static int byte_of(int32_t c)
{
    if (c >= 0 && c < 256)
        return is_own((unsigned)c) ? c : -1;
    if (c < 256 || c >= 324)
        return -1;
    int k = c - 256;
    return k < 33 ? k : k < 67 ? k + 94 : 173;
}

/* The byte of the character at p, which has one or two bytes, or -1. */
static inline int byte_at(const char *p, const char *end, size_t *used)
{
    unsigned c = (unsigned char)*p;
    *used = 1;
    if (c < 0x80)
        return c > 32 && c < 127 ? (int)c : -1;
    if (c < 0xC2 || c > 0xC5 || end - p < 2 || ((unsigned char)p[1] & 0xC0) != 0x80)
        return -1;
    *used = 2;
    return byte_of((int32_t)((c & 31) << 6 | ((unsigned char)p[1] & 63)));
}

bool text_alphabet_read(const char *text, size_t bytes, char *out, uint32_t *out_bytes)
{
    const char *end = text + bytes;
    size_t used;
    uint32_t n = 0;
    for (const char *p = text; p < end; p += used) /* out may be text: write only when all is known to fit */
        if (byte_at(p, end, &used) < 0)
            return false;
    for (const char *p = text; p < end; p += used)
        out[n++] = (char)byte_at(p, end, &used);
    *out_bytes = n;
    return true;
}

/* ---- tables ---------------------------------------------------------------------------------------------------- */

tn_status text_merges_index(tn_tokenizer *t, base_error *e)
{
    text_model *m = &t->model;
    if (!text_pairs_room(&m->pairs, &t->arena, m->n_merges))
        return base_no_memory(e, "making a tokenizer");
    for (size_t i = 0; i < m->n_merges; i++) {
        const text_merge *merge = &m->merges[i];
        text_pair *p = text_pairs_put(&m->pairs, (uint32_t)merge->left, (uint32_t)merge->right);
        p->rank = (uint32_t)i; /* of a pair that is listed twice the last place counts */
        p->id = (uint32_t)merge->id;
    }
    return TN_OK;
}

static void find_bytes(tn_tokenizer *t)
{
    static const char hex[] = "0123456789ABCDEF";
    for (int b = 0; b < 256; b++) {
        char c = (char)b, name[6] = {'<', '0', 'x', hex[b >> 4], hex[b & 15], '>'};
        t->model.byte_id[b] = t->raw              ? text_vocab_find(&t->model.vocab, &c, 1)
                              : t->model.fallback ? text_vocab_find(&t->model.vocab, name, 6)
                                                  : -1;
    }
}

static tn_status finish_model(tn_tokenizer *t, const char *what, base_error *e)
{
    text_model *m = &t->model;
    if (m->unknown) {
        m->unknown_id = text_id_of(t, m->unknown, strlen(m->unknown));
        if (m->unknown_id < 0)
            return base_fail(e, TN_FORMAT, "%s: the unknown token \"%s\" is not in the vocabulary", what,
                             BASE_SHOW(m->unknown));
    }
    find_bytes(t);
    if (m->kind == TEXT_BPE)
        return text_merges_index(t, e);
    if (m->kind == TEXT_WORDLEVEL)
        return TN_OK;
    BASE_TRY(text_trie_make(&m->trie, &t->arena, &m->vocab, e));
    for (const char *c = m->kind == TEXT_WORDPIECE && m->prefix ? m->prefix : ""; *c; c++) {
        m->continuing = text_trie_next(&m->trie, m->continuing, (unsigned char)*c);
        if (!m->continuing)
            break;
    }
    m->least_score = m->scores && m->vocab.n ? m->scores[0] : 0;
    for (size_t i = 0; m->scores && i < m->vocab.n; i++)
        m->least_score = m->vocab.at[i].text && m->scores[i] < m->least_score ? m->scores[i] : m->least_score;
    return TN_OK;
}

static bool looks_at_characters(const text_steps *s)
{
    for (size_t i = 0; i < s->n; i++)
        switch (s->at[i].kind) {
        case TEXT_N_PREPEND:
        case TEXT_P_META: break;
        case TEXT_N_REPLACE:
        case TEXT_P_SPLIT:
            if (s->at[i].pattern)
                return true;
            break;
        case TEXT_P_BYTES:
            if (s->at[i].b)
                return true;
            break;
        default: return true;
        }
    return false;
}

/* Added tokens are looked for in normalized text, so they are normalized themselves. */
static tn_status normalize_added(tn_tokenizer *t, base_error *e)
{
    text_work w = {.t = t};
    tn_status status = TN_OK;
    for (size_t i = 0; i < t->n_added && status == TN_OK; i++) {
        text_added *a = &t->added[i];
        a->seek = a->text;
        if (!a->normalized || !t->normalizer.n)
            continue;
        w.buffer[0].n = 0;
        text_buffer_put(&w.buffer[0], a->text.at, a->text.bytes, (tn_span){0, 0});
        status = text_normalize(&w, &t->normalizer);
        if (status == TN_OK) {
            a->seek = text_keep(t, w.buffer[0].at, w.buffer[0].n);
            status = a->seek.at ? TN_OK : base_no_memory(e, "making a tokenizer");
        } else if (e) {
            *e = w.err;
        }
    }
    text_work_clear(&w);
    return status;
}

static tn_status index_added(tn_tokenizer *t, base_error *e)
{
    int bytes = 0;
    t->size = t->model.vocab.n;
    for (size_t i = 0; i < t->n_added; i++) {
        const text_added *a = &t->added[i];
        t->size = (size_t)a->id + 1 > t->size ? (size_t)a->id + 1 : t->size;
        t->any_normalized = t->any_normalized || a->normalized;
        if (a->seek.bytes) {
            unsigned char first = (unsigned char)a->seek.at[0];
            bytes += !t->added_first[first];
            t->added_first[first] = true;
            t->added_byte = first;
        }
    }
    if (bytes != 1)
        t->added_byte = -1;
    if (t->n_added && !(t->added_by_id = BASE_ARRAY(&t->arena, int32_t, t->size)))
        return base_no_memory(e, "making a tokenizer");
    for (size_t i = 0; i < t->n_added; i++)
        t->added_by_id[t->added[i].id] = (int32_t)i + 1;
    return TN_OK;
}

tn_status text_tokenizer_finish(tn_tokenizer *t, const char *what, base_error *e)
{
    if (looks_at_characters(&t->normalizer) || looks_at_characters(&t->pretokenizer))
        BASE_TRY(text_unicode_needed(what, e));
    BASE_TRY(finish_model(t, what, e));
    BASE_TRY(normalize_added(t, e));
    return index_added(t, e);
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

const text_added *text_added_find(const tn_tokenizer *t, const char *text, size_t bytes)
{
    for (size_t i = 0; i < t->n_added; i++)
        if (t->added[i].text.bytes == bytes && memcmp(t->added[i].text.at, text, bytes) == 0)
            return &t->added[i];
    return NULL;
}

const text_added *text_added_of(const tn_tokenizer *t, int32_t id)
{
    int32_t i = id >= 0 && (size_t)id < t->size && t->added_by_id ? t->added_by_id[id] : 0;
    return i ? &t->added[i - 1] : NULL;
}

tn_text text_of(const tn_tokenizer *t, int32_t id)
{
    const text_added *a = t->n_added ? text_added_of(t, id) : NULL;
    if (a)
        return a->text;
    if (id < 0 || (size_t)id >= t->model.vocab.n || !t->model.vocab.at[id].text)
        return (tn_text){NULL, 0};
    return (tn_text){t->model.vocab.at[id].text, t->model.vocab.at[id].bytes};
}

int32_t text_id_of(const tn_tokenizer *t, const char *text, size_t bytes)
{
    const text_added *a = text_added_find(t, text, bytes);
    return a ? a->id : text_vocab_find(&t->model.vocab, text, bytes);
}

size_t tn_tokenizer_size(const tn_tokenizer *t)
{
    return t->size;
}

int32_t tn_tokenizer_id(const tn_tokenizer *t, const char *token)
{
    size_t bytes = strlen(token);
    const text_added *a = text_added_find(t, token, bytes);
    if (a || !t->raw)
        return a ? a->id : text_vocab_find(&t->model.vocab, token, bytes);
    char *raw = malloc(bytes + 1);
    uint32_t n = 0;
    int32_t id = raw && text_alphabet_read(token, bytes, raw, &n) ? text_vocab_find(&t->model.vocab, raw, n) : -1;
    free(raw);
    return id;
}

bool tn_tokenizer_token(const tn_tokenizer *t, int32_t id, char *buffer, size_t size)
{
    tn_text text = text_of(t, id);
    bool raw = t->raw && text.at && !text_added_of(t, id) && !t->model.vocab.at[id].literal;
    size_t n = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        char out[2] = {text.at[i]};
        size_t used = raw ? text_alphabet_put((unsigned char)text.at[i], out) : 1;
        if (n + used + 1 > size)
            break;
        memcpy(buffer + n, out, used);
        n += used;
    }
    if (size)
        buffer[n] = '\0';
    return text.at != NULL;
}

static int32_t first_of(const tn_tokenizer *t, const char *const *names)
{
    for (; *names; names++) {
        int32_t id = tn_tokenizer_id(t, *names);
        if (id >= 0)
            return id;
    }
    return -1;
}

tn_token_roles tn_tokenizer_roles(const tn_tokenizer *t)
{
    static const char *const pad[] = {"[PAD]", "<pad>", "<|pad|>", "<|padding|>", NULL};
    static const char *const unknown[] = {"[UNK]", "<unk>", "<|unk|>", NULL};
    static const char *const begin[] = {"[CLS]",   "<s>",           "[BOS]", "<bos>", "<|begin_of_text|>",
                                        "\n<s>\n", "<|endoftext|>", NULL};
    static const char *const end[] = {"[SEP]",           "</s>",     "[EOS]",         "<eos>",
                                      "<|end_of_text|>", "\n</s>\n", "<|endoftext|>", NULL};
    static const char *const mask[] = {"[MASK]", "<mask>", NULL};
    tn_token_roles r = {first_of(t, pad), t->model.unknown_id, first_of(t, begin), first_of(t, end), first_of(t, mask)};
    if (t->padding.present)
        r.pad = t->padding.pad_id;
    if (r.unknown < 0)
        r.unknown = first_of(t, unknown);
    return r;
}

const char *tn_tokenizer_model(const tn_tokenizer *t)
{
    static const char *const names[] = {
        [TEXT_BPE] = "BPE", [TEXT_WORDPIECE] = "WordPiece", [TEXT_UNIGRAM] = "Unigram", [TEXT_WORDLEVEL] = "WordLevel"};
    return names[t->model.kind];
}
