/* encode.c: from a text to ids: added tokens, normalizer, pre-tokenizer and model. Byte-level tokenizers without anything in
 * between, GPT-2's that is, go over the caller's bytes directly. */
#include "data/text/unicode.h"
#include "data/text/work.h"

#include "base/text.h"

/* The text as it is with GPT-2's pattern: nothing is copied, and every piece goes straight to the model. */
static bool is_direct(const text_work *w)
{
    const tn_tokenizer *t = w->t;
    return t->raw && !w->track && t->normalizer.n == 0 && !t->any_normalized && t->pretokenizer.n == 1 &&
           t->pretokenizer.at[0].kind == TEXT_P_BYTES && !t->pretokenizer.at[0].a && t->pretokenizer.at[0].b;
}

static tn_status encode_direct(text_work *w, const char *text, size_t bytes)
{
    const char *end = text + bytes;
    for (const char *p = text, *next; p < end; p = next) {
        next = text_gpt2_next(p, end);
        BASE_TRY(text_model_quick(w, p, (size_t)(next - p), (size_t)(end - p)));
    }
    return TN_OK;
}

/* ---- added tokens ---------------------------------------------------------------------------------------------- */

static bool is_word(const char *p, const char *end)
{
    size_t used;
    return p < end && (text_properties_of(text_next(p, end, &used)) & TEXT_WORD);
}

static const char *last_char(const char *begin, const char *p)
{
    size_t used;
    for (int k = 4; k > 1; k--)
        if (p - begin >= k && text_next(p - k, p, &used) >= 0 && used == (size_t)k)
            return p - k;
    return p - 1;
}

static bool stands_alone(const text_added *a, const char *text, size_t at, size_t n)
{
    if (!a->single_word)
        return true;
    const char *end = text + at + a->seek.bytes;
    return !is_word(end, text + n) && (at == 0 || !is_word(last_char(text, text + at), text + at));
}

/* The longest added token that stands at a place. */
static const text_added *added_at(const tn_tokenizer *t, bool normalized, const char *text, size_t at, size_t n)
{
    const text_added *best = NULL;
    for (size_t i = 0; i < t->n_added; i++) {
        const text_added *a = &t->added[i];
        if (a->normalized == normalized && a->seek.bytes && a->seek.bytes <= n - at &&
            memcmp(a->seek.at, text + at, a->seek.bytes) == 0 && (!best || a->seek.bytes > best->seek.bytes) &&
            stands_alone(a, text, at, n))
            best = a;
    }
    return best;
}

/* The first added token from `from` on; its bytes, with the white space that it takes along, are *begin to *end. */
static const text_added *find_added(const tn_tokenizer *t, bool normalized, const char *text, size_t from, size_t n,
                                    size_t *begin, size_t *end)
{
    if (!t->n_added)
        return NULL;
    for (size_t i = from; i < n; i++) {
        if (t->added_byte >= 0) {
            const char *p = memchr(text + i, t->added_byte, n - i);
            if (!p)
                return NULL;
            i = (size_t)(p - text);
        } else if (!t->added_first[(unsigned char)text[i]]) {
            continue;
        }
        const text_added *a = added_at(t, normalized, text, i, n);
        if (!a)
            continue;
        size_t used;
        *begin = i;
        *end = i + a->seek.bytes;
        while (a->lstrip && *begin > from) {
            const char *p = last_char(text + from, text + *begin);
            if (!(text_properties_of(text_next(p, text + n, &used)) & TEXT_SPACE))
                break;
            *begin = (size_t)(p - text);
        }
        while (a->rstrip && *end < n && (text_properties_of(text_next(text + *end, text + n, &used)) & TEXT_SPACE))
            *end += used;
        return a;
    }
    return NULL;
}

/* ---- the long way ---------------------------------------------------------------------------------------------- */

/* Bytes of the caller's text into buffer[0]. What is not UTF-8 becomes U+FFFD, unless the model knows bytes. */
static tn_status load(text_work *w, const char *text, size_t bytes, size_t offset)
{
    text_buffer *b = &w->buffer[0];
    bool keep = w->t->raw || w->t->model.fallback || base_utf8_valid(text, bytes);
    b->n = 0;
    b->track = w->track;
    if (!text_buffer_room(b, bytes))
        return base_no_memory(&w->err, "encoding a text");
    if (keep && !b->track) {
        memcpy(b->at, text, bytes);
        b->n = bytes;
        return TN_OK;
    }
    for (size_t i = 0, used; i < bytes; i += used) {
        int32_t c = text_next(text + i, text + bytes, &used);
        tn_span span = {offset + i, offset + i + used};
        if (c < 0 && !keep)
            text_buffer_put_char(b, 0xFFFD, span);
        else
            text_buffer_put(b, text + i, used, span);
    }
    return b->failed ? base_no_memory(&w->err, "encoding a text") : TN_OK;
}

static tn_status encode_pieces(text_work *w)
{
    w->pieces[0].n = 0;
    if (!w->buffer[0].n)
        return TN_OK;
    if (!base_vec_push(&w->pieces[0], (text_piece){0, w->buffer[0].n}))
        return base_no_memory(&w->err, "encoding a text");
    BASE_TRY(text_pretokenize(w));
    for (size_t i = 0; i < w->pieces[0].n; i++)
        BASE_TRY(text_model_piece(w, &w->buffer[0], w->pieces[0].at[i].begin, w->pieces[0].at[i].end));
    return TN_OK;
}

static tn_status push_added(text_work *w, int32_t id, tn_span span)
{
    BASE_TRY(text_work_room(w, 1));
    if (w->track)
        w->spans[w->n] = span;
    w->ids[w->n++] = id;
    return TN_OK;
}

/* Normalized text with tokens inside that are to be looked for there: the rest is handed on in parts. */
static tn_status encode_normalized(text_work *w)
{
    size_t begin, end, kept = 0;
    if (!w->t->any_normalized || !find_added(w->t, true, w->buffer[0].at, 0, w->buffer[0].n, &begin, &end))
        return encode_pieces(w);
    text_buffer whole = w->buffer[0];
    bool start = w->at_start;
    tn_status status = TN_OK;
    w->buffer[0] = (text_buffer){.track = whole.track};
    while (status == TN_OK && kept < whole.n) {
        const text_added *a = find_added(w->t, true, whole.at, kept, whole.n, &begin, &end);
        size_t stop = a ? begin : whole.n;
        w->buffer[0].n = 0;
        w->buffer[0].track = whole.track;
        w->at_start = start && kept == 0;
        text_buffer_copy(&w->buffer[0], &whole, kept, stop);
        status = w->buffer[0].failed ? base_no_memory(&w->err, "encoding a text") : encode_pieces(w);
        if (a && status == TN_OK)
            status = push_added(w, a->id, text_buffer_span(&whole, begin, end));
        kept = a ? end : whole.n;
    }
    text_buffer_free(&w->buffer[0]);
    w->buffer[0] = whole;
    return status;
}

static tn_status encode_part(text_work *w, const char *text, size_t bytes, size_t offset)
{
    if (bytes == 0)
        return TN_OK;
    if (is_direct(w))
        return encode_direct(w, text, bytes);
    w->at_start = offset == 0;
    BASE_TRY(load(w, text, bytes, offset));
    BASE_TRY(text_normalize(w, &w->t->normalizer));
    return encode_normalized(w);
}

tn_status text_cut(text_work *w, const char *text, size_t bytes)
{
    w->track = false;
    w->at_start = true;
    w->pieces[0].n = 0;
    if (bytes == 0)
        return TN_OK;
    BASE_TRY(load(w, text, bytes, 0));
    BASE_TRY(text_normalize(w, &w->t->normalizer));
    if (w->buffer[0].n && !base_vec_push(&w->pieces[0], (text_piece){0, w->buffer[0].n}))
        return base_no_memory(&w->err, "cutting a text");
    return text_pretokenize(w);
}

tn_status text_encode(text_work *w, const char *text, size_t bytes, bool track)
{
    size_t kept = 0, begin, end;
    w->track = track;
    if (track)
        BASE_TRY(text_work_room(w, 1)); /* spans for ids that came without */
    while (kept < bytes) {
        const text_added *a = find_added(w->t, false, text, kept, bytes, &begin, &end);
        BASE_TRY(encode_part(w, text + kept, (a ? begin : bytes) - kept, kept));
        if (!a)
            break;
        BASE_TRY(push_added(w, a->id, (tn_span){begin, end}));
        kept = end;
    }
    return TN_OK;
}
