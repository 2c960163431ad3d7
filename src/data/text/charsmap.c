/* charsmap.c: the normalizer that SentencePiece compiles into a model ("Precompiled"): the longest text of a table that begins
 * here is replaced, by grapheme where the table knows the whole of it.
 *
 * The table is a base64 text: a 32-bit size, a double-array trie of so many bytes (Aoe, "An Efficient Digital Search Algorithm
 * by Using a Double-Array Structure", IEEE TSE 1989, in the layout of the darts-clone library: offset in bits 10 to 30 with
 * bit 9 for 8 more bits, label in the low byte, bit 8 "a value follows"), and what to write, ended by zero bytes. */
#include "data/text/unicode.h"
#include "data/text/work.h"

static uint32_t unit_at(const text_step *s, size_t i)
{
    const unsigned char *p = (const unsigned char *)s->find.at + 4 * i;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t offset_of(uint32_t unit)
{
    return unit >> 10 << ((unit & 512) >> 6);
}

/* What the shortest entry of the trie that `p` begins with is replaced by. */
static bool look_up(const text_step *s, const char *p, size_t n, tn_text *put)
{
    size_t units = s->find.bytes / 4;
    uint32_t unit = units ? unit_at(s, 0) : 0;
    size_t node = offset_of(unit);
    for (size_t i = 0; units && i < n && p[i]; i++) {
        node ^= (unsigned char)p[i];
        if (node >= units)
            break;
        unit = unit_at(s, node);
        if ((unit & 0x800000FFu) != (unsigned char)p[i])
            break;
        node ^= offset_of(unit);
        if (!(unit >> 8 & 1) || node >= units)
            continue;
        size_t at = unit_at(s, node) & 0x7FFFFFFFu;
        if (at >= s->put.bytes)
            break;
        *put = (tn_text){s->put.at + at, strlen(s->put.at + at)};
        return true;
    }
    return false;
}

static size_t grapheme(const text_buffer *in, size_t i)
{
    size_t used;
    text_next(in->at + i, in->at + in->n, &used);
    for (i += used; i < in->n; i += used) {
        int32_t c = text_next(in->at + i, in->at + in->n, &used);
        if (c < 0 || text_starts(c))
            break;
    }
    return i;
}

void text_charsmap_run(const text_step *s, const text_buffer *in, text_buffer *out)
{
    tn_text put = {NULL, 0};
    for (size_t i = 0, end, used; i < in->n; i = end) {
        end = grapheme(in, i);
        if (end - i < 6 && look_up(s, in->at + i, end - i, &put)) {
            text_buffer_put(out, put.at, put.bytes, in->track ? text_buffer_span(in, i, end) : (tn_span){0, 0});
            continue;
        }
        for (size_t k = i; k < end; k += used) {
            text_next(in->at + k, in->at + in->n, &used);
            if (look_up(s, in->at + k, used, &put))
                text_buffer_put(out, put.at, put.bytes,
                                in->track ? text_buffer_span(in, k, k + used) : (tn_span){0, 0});
            else
                text_buffer_copy(out, in, k, k + used);
        }
    }
}

static int base64_digit(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

tn_status text_charsmap_read(tn_tokenizer *t, const char *base64, text_step *s, base_error *e)
{
    size_t n = strlen(base64), bytes = 0;
    unsigned char *data = base_arena_alloc(&t->arena, n / 4 * 3 + 8);
    uint32_t bits = 0, size;
    if (!data)
        return base_no_memory(e, "reading a tokenizer");
    for (size_t i = 0; i < n && base64[i] != '='; i++) {
        int d = base64_digit(base64[i]);
        if (d < 0)
            return base_fail(e, TN_FORMAT, "the table of a Precompiled normalizer is not base64 at character %zu", i);
        bits = bits << 6 | (uint32_t)d;
        if (i % 4)
            data[bytes++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
    }
    size =
        bytes < 4 ? 0 : (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
    if (bytes < 4 || size % 4 || size > bytes - 4)
        return base_fail(e, TN_FORMAT, "the table of a Precompiled normalizer is cut off: %zu bytes", bytes);
    data[bytes] = 0; /* the last text ends, whatever the table says */
    *s = (text_step){.kind = TEXT_N_MAP, .source = base64};
    s->find = (tn_text){(const char *)data + 4, size};
    s->put = (tn_text){(const char *)data + 4 + size, bytes - 4 - size};
    return TN_OK;
}
