/* buffer.c: texts that remember where each byte comes from, and growing arrays; see work.h. */
#include <stdlib.h>

#include "data/text/unicode.h"
#include "data/text/work.h"

bool text_grow(void **at, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return true;
    size_t want = *capacity ? *capacity : 64;
    while (want < need)
        want *= 2;
    if (want > SIZE_MAX / 4 / size)
        return false;
    void *p = realloc(*at, want * size);
    if (!p)
        return false;
    *at = p;
    *capacity = want;
    return true;
}

bool text_buffer_room(text_buffer *b, size_t more)
{
    size_t capacity = b->capacity;
    if (b->failed)
        return false;
    if (b->n + more <= capacity && (!b->track || b->span))
        return true;
    if (!text_grow((void **)&b->at, &capacity, b->n + more, 1)) {
        b->failed = true;
        return false;
    }
    if (b->track) {
        tn_span *span = realloc(b->span, (capacity + 1) * sizeof *span);
        if (!span) {
            b->failed = true; /* `at` may be larger than `capacity` says, which harms nobody */
            return false;
        }
        b->span = span;
    } else {
        free(b->span); /* would be too short for the next who tracks */
        b->span = NULL;
    }
    b->capacity = capacity;
    return true;
}

void text_buffer_put(text_buffer *b, const char *text, size_t bytes, tn_span span)
{
    if (!text_buffer_room(b, bytes))
        return;
    if (bytes)
        memcpy(b->at + b->n, text, bytes);
    for (size_t i = 0; b->track && i < bytes; i++)
        b->span[b->n + i] = span;
    b->n += bytes;
}

void text_buffer_copy(text_buffer *b, const text_buffer *from, size_t begin, size_t end)
{
    if (begin == end || !text_buffer_room(b, end - begin))
        return;
    memcpy(b->at + b->n, from->at + begin, end - begin);
    if (b->track)
        memcpy(b->span + b->n, from->span + begin, (end - begin) * sizeof *b->span);
    b->n += end - begin;
}

void text_buffer_put_char(text_buffer *b, int32_t c, tn_span span)
{
    char utf8[4];
    text_buffer_put(b, utf8, text_put(c, utf8), span);
}

tn_span text_buffer_span(const text_buffer *b, size_t begin, size_t end)
{
    if (!b->track || begin >= b->n)
        return (tn_span){0, 0};
    tn_span s = b->span[begin];
    for (size_t i = begin + 1; i < end; i++)
        s.end = b->span[i].end > s.end ? b->span[i].end : s.end;
    return s;
}

void text_buffer_free(text_buffer *b)
{
    free(b->at);
    free(b->span);
    *b = (text_buffer){0};
}

void text_work_clear(text_work *w)
{
    for (int i = 0; i < 2; i++) {
        text_buffer_free(&w->buffer[i]);
        base_vec_free(&w->pieces[i]);
    }
    free(w->ids);
    free(w->spans);
    free(w->cache);
    free(w->symbols);
    free(w->heap);
    free(w->paths);
    free(w->row);
    free(w->row_spans);
    free(w->row_types);
}

tn_status text_work_room(text_work *w, size_t more)
{
    if (!text_grow((void **)&w->ids, &w->capacity, w->n + more, sizeof *w->ids) ||
        (w->track && !text_grow((void **)&w->spans, &w->spans_capacity, w->n + more, sizeof *w->spans)))
        return base_no_memory(&w->err, "encoding a text");
    return TN_OK;
}
