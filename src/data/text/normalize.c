/* normalize.c: the normalizer: each step reads one buffer and fills the other. */
#include <stdlib.h>

#include "data/text/pattern.h"
#include "data/text/unicode.h"
#include "data/text/work.h"

/* The next character of a buffer with its bytes. */
static inline int32_t at(const text_buffer *in, size_t i, size_t *used)
{
    return text_next(in->at + i, in->at + in->n, used);
}

static tn_span span_of(const text_buffer *in, size_t begin, size_t end)
{
    return in->track ? text_buffer_span(in, begin, end) : (tn_span){0, 0};
}

static void lower(const text_buffer *in, text_buffer *out)
{
    size_t used;
    if (!text_buffer_room(out, in->n + 8))
        return;
    for (size_t i = 0; i < in->n; i += used) {
        int32_t c = at(in, i, &used);
        if (c == 0x130) { /* the dotted capital I is the only letter whose small form has two characters */
            text_buffer_put(out, "i\xCC\x87", 3, span_of(in, i, i + used));
            continue;
        }
        int32_t small = text_properties_of(c) & TEXT_LOWER ? c : text_lower(c);
        if (small == c)
            text_buffer_copy(out, in, i, i + used);
        else
            text_buffer_put_char(out, small, span_of(in, i, i + used));
    }
}

/* Leaves out characters that have one of the properties. */
static void leave_out(const text_buffer *in, text_buffer *out, int properties)
{
    size_t used;
    for (size_t i = 0; i < in->n; i += used)
        if (!(text_properties_of(at(in, i, &used)) & properties))
            text_buffer_copy(out, in, i, i + used);
}

static void strip(const text_buffer *in, text_buffer *out, bool left, bool right)
{
    size_t begin = 0, end = 0, used;
    bool text = false;
    for (size_t i = 0; i < in->n; i += used) {
        bool space = text_properties_of(at(in, i, &used)) & TEXT_SPACE;
        if (!text && !space)
            begin = i;
        text = text || !space;
        end = space ? end : i + used;
    }
    if (text)
        text_buffer_copy(out, in, left ? begin : 0, right ? end : in->n);
    else if (!left && !right)
        text_buffer_copy(out, in, 0, in->n);
}

/* Where the stretch from i on ends that is normalized by itself: before a character that joins with nothing before it. */
static size_t stretch(const text_buffer *in, size_t i, bool *plain)
{
    size_t used;
    *plain = at(in, i, &used) < 128;
    for (i += used; i < in->n; i += used) {
        int32_t c = at(in, i, &used);
        if (c < 0 || text_starts(c))
            break;
        *plain = false;
    }
    return i;
}

static tn_status normal_form(const text_buffer *in, text_buffer *out, int form, base_error *e)
{
    bool plain;
    for (size_t i = 0, end; i < in->n; i = end) {
        end = stretch(in, i, &plain);
        if (plain) {
            text_buffer_copy(out, in, i, end);
            continue;
        }
        size_t n = 0;
        char *text = text_normal_form(in->at + i, end - i, form, &n);
        if (!text)
            return base_no_memory(e, "normalizing a text");
        if (n == end - i && memcmp(text, in->at + i, n) == 0)
            text_buffer_copy(out, in, i, end);
        else
            text_buffer_put(out, text, n, span_of(in, i, end));
        free(text);
    }
    return TN_OK;
}

static void replace_text(const text_buffer *in, text_buffer *out, tn_text find, tn_text put)
{
    size_t kept = 0;
    for (size_t i = 0; find.bytes && i + find.bytes <= in->n;) {
        if (in->at[i] != find.at[0] || memcmp(in->at + i, find.at, find.bytes) != 0) {
            i++;
            continue;
        }
        text_buffer_copy(out, in, kept, i);
        text_buffer_put(out, put.at, put.bytes, span_of(in, i, i + find.bytes));
        kept = i += find.bytes;
    }
    text_buffer_copy(out, in, kept, in->n);
}

static tn_status replace_pattern(const text_buffer *in, text_buffer *out, const text_step *s, base_error *e)
{
    size_t kept = 0, begin, end;
    for (size_t i = 0; i <= in->n;) {
        bool found;
        BASE_TRY(text_pattern_find(s->pattern, in->at, i, in->n, &begin, &end, &found, e));
        if (!found)
            break;
        text_buffer_copy(out, in, kept, begin);
        if (end > begin)
            text_buffer_put(out, s->put.at, s->put.bytes, span_of(in, begin, end));
        kept = end;
        i = end > begin ? end : end + 1;
    }
    text_buffer_copy(out, in, kept, in->n);
    return TN_OK;
}

/* BERT's cleaning: control characters go, white space becomes a space, ideographs stand alone. */
static void clean(const text_buffer *in, text_buffer *out, int what)
{
    size_t used;
    if (!text_buffer_room(out, in->n))
        return;
    for (size_t i = 0; i < in->n; i += used) {
        int32_t c = at(in, i, &used);
        int p = text_properties_of(c);
        bool blank = c == '\t' || c == '\n' || c == '\r';
        if (what & TEXT_BERT_CLEAN && !blank && (c <= 0 || c == 0xFFFD || p & TEXT_CONTROL))
            continue;
        if (what & TEXT_BERT_CLEAN && p & TEXT_SPACE) {
            text_buffer_put(out, " ", 1, span_of(in, i, i + used));
        } else if (what & TEXT_BERT_HAN && p & TEXT_HAN) {
            tn_span s = span_of(in, i, i + used);
            text_buffer_put(out, " ", 1, s);
            text_buffer_copy(out, in, i, i + used);
            text_buffer_put(out, " ", 1, s);
        } else {
            text_buffer_copy(out, in, i, i + used);
        }
    }
}

static void swap(text_work *w)
{
    text_buffer b = w->buffer[0];
    w->buffer[0] = w->buffer[1];
    w->buffer[1] = b;
    w->buffer[1].n = 0;
}

static tn_status bert(text_work *w, int what)
{
    text_buffer *in = &w->buffer[0], *out = &w->buffer[1];
    if (what & (TEXT_BERT_CLEAN | TEXT_BERT_HAN)) {
        clean(in, out, what);
        swap(w);
    }
    if (what & TEXT_BERT_ACCENTS) {
        BASE_TRY(normal_form(in, out, TEXT_NFD, &w->err));
        swap(w);
        leave_out(in, out, TEXT_MARK);
        swap(w);
    }
    if (what & TEXT_BERT_LOWER) {
        lower(in, out);
        swap(w);
    }
    return TN_OK;
}

static tn_status normalize_once(text_work *w, const text_step *s)
{
    text_buffer *in = &w->buffer[0], *out = &w->buffer[1];
    switch (s->kind) {
    case TEXT_N_FORM: BASE_TRY(normal_form(in, out, s->a, &w->err)); break;
    case TEXT_N_LOWER: lower(in, out); break;
    case TEXT_N_STRIP: strip(in, out, s->a, s->b); break;
    case TEXT_N_ACCENTS: leave_out(in, out, TEXT_MARK | TEXT_MARK_OTHER); break;
    case TEXT_N_MAP: text_charsmap_run(s, in, out); break;
    case TEXT_N_REPLACE:
        if (s->pattern)
            BASE_TRY(replace_pattern(in, out, s, &w->err));
        else
            replace_text(in, out, s->find, s->put);
        break;
    case TEXT_N_PREPEND:
        if (in->n)
            text_buffer_put(out, s->put.at, s->put.bytes, in->track ? in->span[0] : (tn_span){0, 0});
        text_buffer_copy(out, in, 0, in->n);
        break;
    case TEXT_N_BERT: return bert(w, s->a);
    default: return base_fail(&w->err, TN_INTERNAL, "a step of kind %d is no normalizer", (int)s->kind);
    }
    swap(w);
    return TN_OK;
}

tn_status text_normalize(text_work *w, const text_steps *steps)
{
    w->buffer[1].n = 0;
    w->buffer[1].track = w->buffer[0].track;
    for (size_t i = 0; i < steps->n; i++) {
        BASE_TRY(normalize_once(w, &steps->at[i]));
        if (w->buffer[0].failed || w->buffer[1].failed)
            return base_no_memory(&w->err, "normalizing a text");
    }
    return TN_OK;
}
