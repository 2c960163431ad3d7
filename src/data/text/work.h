/* work.h: one encoder's memory: the text on its way through normalizer and pre-tokenizer, pieces already worked out, ids.
 *
 * Where spans are wanted, every byte of the text on its way knows which bytes of the caller's text it comes from. */
#ifndef DATA_TEXT_WORK_H
#define DATA_TEXT_WORK_H

#include "data/text/tokenizer.h"

/* A text with, if `track`, the span of the original for each byte. */
typedef struct text_buffer {
    char *at;
    size_t n, capacity;
    tn_span *span;
    bool track, failed;
} text_buffer;

/* Room for `more` bytes; false (and failed) when memory is out. */
bool text_buffer_room(text_buffer *b, size_t more);
/* Appends bytes that all come from the span. */
void text_buffer_put(text_buffer *b, const char *text, size_t bytes, tn_span span);
/* Appends bytes begin to end of another buffer, spans included. */
void text_buffer_copy(text_buffer *b, const text_buffer *from, size_t begin, size_t end);
void text_buffer_put_char(text_buffer *b, int32_t c, tn_span span);
/* From what bytes begin to end were made; begin < end, or the place itself. */
tn_span text_buffer_span(const text_buffer *b, size_t begin, size_t end);
void text_buffer_free(text_buffer *b);

typedef struct text_piece {
    size_t begin, end;
} text_piece;
typedef base_vec(text_piece) text_pieces;

/* A piece of at most 16 bytes with its ids: one line of cache. */
enum { TEXT_CACHED_BYTES = 16, TEXT_CACHED_IDS = 11, TEXT_CACHED = 1 << 14 };
typedef struct text_cached {
    uint64_t key[2];
    uint8_t bytes, n; /* bytes 0: empty */
    int32_t ids[TEXT_CACHED_IDS];
} text_cached;

/* A place of a piece while BPE merges: the entry, and what the pair with the next one would give. */
typedef struct text_symbol {
    int32_t id, merged;
    uint32_t rank, bytes;
    int32_t previous, next; /* used for long pieces only */
} text_symbol;

typedef struct text_work {
    const tn_tokenizer *t;
    base_error err;
    text_buffer buffer[2];
    text_pieces pieces[2];
    int32_t *ids;
    size_t n, capacity;
    tn_span *spans; /* as ids, if track */
    size_t spans_capacity;
    bool track;
    bool at_start; /* the text on its way is the beginning of the caller's */
    text_cached *cache;
    text_symbol *symbols;
    size_t symbols_capacity;
    uint64_t *heap;
    size_t heap_capacity;
    void *paths; /* Unigram's best paths */
    size_t paths_capacity;
    /* of the whole row */
    int32_t *row;
    tn_span *row_spans;
    uint8_t *row_types;
    size_t row_capacity;
} text_work;

void text_work_clear(text_work *w);
/* Room for more ids (and spans). */
tn_status text_work_room(text_work *w, size_t more);
/* An array that grows and keeps nothing. */
bool text_grow(void **at, size_t *capacity, size_t need, size_t size);

/* buffer[0] through the normalizer; the result is in buffer[0]. */
tn_status text_normalize(text_work *w, const text_steps *steps);
/* pieces[0] of buffer[0] through the pre-tokenizer; afterwards pieces[0] are of what is then buffer[0]. */
tn_status text_pretokenize(text_work *w);
/* The ids of bytes begin to end of a buffer; spans if track. */
tn_status text_model_piece(text_work *w, const text_buffer *b, size_t begin, size_t end);
/* The ids of a piece without spans. `room` bytes from p on may be read. */
tn_status text_model_quick(text_work *w, const char *p, size_t n, size_t room);
/* The models: append ids of the piece p[0..n), which is bytes `begin` and on of b (NULL: nobody asks for spans). */
tn_status text_bpe_piece(text_work *w, const char *p, size_t n, const text_buffer *b, size_t begin);
tn_status text_wordpiece_piece(text_work *w, const char *p, size_t n, const text_buffer *b, size_t begin);
tn_status text_unigram_piece(text_work *w, const char *p, size_t n, const text_buffer *b, size_t begin);
tn_status text_wordlevel_piece(text_work *w, const char *p, size_t n, const text_buffer *b, size_t begin);

/* Appends one id; b (with begin, end inside it) says where it is from, NULL: nobody asks. Room must be there. */
static inline void text_push(text_work *w, int32_t id, const text_buffer *b, size_t begin, size_t end)
{
    if (b)
        w->spans[w->n] = text_buffer_span(b, begin, end);
    w->ids[w->n++] = id;
}

/* One text through normalizer and pre-tokenizer, added tokens not looked for: pieces[0] of buffer[0]. */
tn_status text_cut(text_work *w, const char *text, size_t bytes);
/* One text through everything before `post`: ids are appended to w. */
tn_status text_encode(text_work *w, const char *text, size_t bytes, bool track);

/* Many texts on up to so many threads; what fails is named by its number. */
tn_status text_encode_batch(const tn_tokenizer *t, const tn_text *texts, size_t n, const tn_encode_opt *opt,
                            int threads, tn_token_rows *rows, base_error *e);

/* SentencePiece's compiled normalizer: `find` is the trie, `put` what to write, `source` the table as base64. */
tn_status text_charsmap_read(tn_tokenizer *t, const char *base64, text_step *s, base_error *e);
void text_charsmap_run(const text_step *s, const text_buffer *in, text_buffer *out);

/* The end of the piece that GPT-2's pattern cuts off at p (p < end). */
const char *text_gpt2_next(const char *p, const char *end);

#endif
