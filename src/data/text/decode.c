/* decode.c: from ids back to bytes: the texts of the entries go through the decoder's steps, each of which makes a list of
 * parts from a list of parts. */
#include <stdlib.h>

#include "base/str.h"
#include "base/text.h"
#include "data/text/pattern.h"
#include "data/text/work.h"

typedef struct parts {
    base_arena arena;
    tn_text *at;
    size_t n;
    base_error *e;
} parts;

static tn_status no_memory(const parts *p)
{
    return base_no_memory(p->e, "decoding");
}

/* A text made in a base_str becomes part i. */
static tn_status set_part(parts *p, size_t i, base_str *s)
{
    char *copy = s->failed ? NULL : base_arena_alloc(&p->arena, s->length + 1);
    if (copy && s->length)
        memcpy(copy, s->text, s->length);
    p->at[i] = (tn_text){copy, s->length};
    s->length = 0;
    return copy ? TN_OK : no_memory(p);
}

static void add_replaced(base_str *s, tn_text in, tn_text find, tn_text put)
{
    for (size_t i = 0; i < in.bytes;) {
        if (find.bytes && i + find.bytes <= in.bytes && memcmp(in.at + i, find.at, find.bytes) == 0) {
            base_str_bytes(s, put.at, put.bytes);
            i += find.bytes;
        } else {
            base_str_bytes(s, in.at + i++, 1);
        }
    }
}

static tn_status add_replaced_pattern(base_str *s, tn_text in, const text_step *step, base_error *e)
{
    size_t kept = 0, begin, end;
    for (size_t i = 0; i <= in.bytes;) {
        bool found;
        BASE_TRY(text_pattern_find(step->pattern, in.at, i, in.bytes, &begin, &end, &found, e));
        if (!found)
            break;
        base_str_bytes(s, in.at + kept, begin - kept);
        if (end > begin)
            base_str_bytes(s, step->put.at, step->put.bytes);
        kept = end;
        i = end > begin ? end : end + 1;
    }
    base_str_bytes(s, in.at + kept, in.bytes - kept);
    return TN_OK;
}

/* English as it is written, after each mark had been set apart. */
static void clean_up(base_str *s)
{
    static const char *const rules[][2] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                           {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                           {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (size_t r = 0; r < sizeof rules / sizeof rules[0] && !s->failed && s->length; r++) {
        base_str out = {0};
        add_replaced(&out, (tn_text){s->text, s->length}, (tn_text){rules[r][0], strlen(rules[r][0])},
                     (tn_text){rules[r][1], strlen(rules[r][1])});
        base_str_free(s);
        *s = out;
    }
}

static void word_piece(base_str *s, tn_text in, size_t i, const text_step *step)
{
    bool continues = step->find.bytes <= in.bytes && memcmp(in.at, step->find.at, step->find.bytes) == 0;
    if (i > 0 && continues) {
        in.at += step->find.bytes;
        in.bytes -= step->find.bytes;
    } else if (i > 0) {
        base_str_bytes(s, " ", 1);
    }
    base_str_bytes(s, in.at, in.bytes);
    if (step->a)
        clean_up(s);
}

static void strip(base_str *s, tn_text in, const text_step *step)
{
    size_t n = step->find.bytes;
    for (int k = 0; k < step->a && n && in.bytes >= n && memcmp(in.at, step->find.at, n) == 0; k++) {
        in.at += n;
        in.bytes -= n;
    }
    for (int k = 0; k < step->b && n && in.bytes >= n && memcmp(in.at + in.bytes - n, step->find.at, n) == 0; k++)
        in.bytes -= n;
    base_str_bytes(s, in.at, in.bytes);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* <0x4A> as its byte. */
static void fallback(base_str *s, tn_text in)
{
    if (in.bytes == 6 && memcmp(in.at, "<0x", 3) == 0 && in.at[5] == '>' && hex_digit(in.at[3]) >= 0 &&
        hex_digit(in.at[4]) >= 0) {
        char byte = (char)(hex_digit(in.at[3]) << 4 | hex_digit(in.at[4]));
        base_str_bytes(s, &byte, 1);
    } else {
        base_str_bytes(s, in.at, in.bytes);
    }
}

static void from_alphabet(base_str *s, tn_text in)
{
    char *raw = malloc(in.bytes + 1);
    uint32_t n;
    if (!raw)
        s->failed = true;
    else if (text_alphabet_read(in.at, in.bytes, raw, &n))
        base_str_bytes(s, raw, n);
    else
        base_str_bytes(s, in.at, in.bytes);
    free(raw);
}

static tn_status fuse(parts *p)
{
    base_str s = {0};
    for (size_t i = 0; i < p->n; i++)
        base_str_bytes(&s, p->at[i].at, p->at[i].bytes);
    p->n = p->n ? 1 : 0;
    tn_status status = p->n ? set_part(p, 0, &s) : TN_OK;
    base_str_free(&s);
    return status;
}

static tn_status decode_part(const tn_tokenizer *t, const text_step *step, parts *p, size_t i, base_str *s)
{
    tn_text in = p->at[i], none = {"", 0}, space = {" ", 1};
    switch (step->kind) {
    case TEXT_D_BYTES:
        if (t->raw)
            base_str_bytes(s, in.at, in.bytes);
        else
            from_alphabet(s, in);
        break;
    case TEXT_D_PIECE: word_piece(s, in, i, step); break;
    case TEXT_D_META: add_replaced(s, in, step->put, i == 0 && step->a != TEXT_META_NEVER ? none : space); break;
    case TEXT_D_SUFFIX: add_replaced(s, in, step->find, i + 1 == p->n ? none : space); break;
    case TEXT_D_REPLACE:
        if (step->pattern)
            return add_replaced_pattern(s, in, step, p->e);
        add_replaced(s, in, step->find, step->put);
        break;
    case TEXT_D_FALLBACK: fallback(s, in); break;
    case TEXT_D_STRIP: strip(s, in, step); break;
    default: return base_fail(p->e, TN_INTERNAL, "a step of kind %d is no decoder", (int)step->kind);
    }
    return TN_OK;
}

static tn_status decode_step(const tn_tokenizer *t, const text_step *step, parts *p)
{
    base_str s = {0};
    tn_status status = TN_OK;
    if (step->kind == TEXT_D_FUSE)
        return fuse(p);
    for (size_t i = 0; i < p->n && status == TN_OK; i++) {
        s.length = 0;
        status = decode_part(t, step, p, i, &s);
        if (status == TN_OK)
            status = set_part(p, i, &s);
    }
    base_str_free(&s);
    return status == TN_OK && step->kind == TEXT_D_BYTES ? fuse(p) : status;
}

/* The entries' texts, special ones left out unless wanted. Byte-level entries are bytes already if the decoder wants bytes. */
static tn_status collect(const tn_tokenizer *t, const int32_t *ids, size_t n, const tn_decode_opt *opt, parts *p)
{
    bool spell = t->raw && !(t->decoder.n && t->decoder.at[0].kind == TEXT_D_BYTES);
    p->at = BASE_ARRAY(&p->arena, tn_text, n + 1);
    if (!p->at)
        return no_memory(p);
    for (size_t i = 0; i < n; i++) {
        const text_added *a = text_added_of(t, ids[i]);
        tn_text text = text_of(t, ids[i]);
        if (!text.at)
            return base_fail(p->e, TN_INVALID, "id %ld at place %zu is of no token; the tokenizer has ids 0 to %zu",
                             (long)ids[i], i, t->size ? t->size - 1 : 0);
        if (a && a->special && !(opt && opt->keep_special))
            continue;
        if (spell && !a && !t->model.vocab.at[ids[i]].literal) {
            char *out = base_arena_alloc(&p->arena, 2 * text.bytes + 1);
            size_t made = 0;
            for (size_t k = 0; out && k < text.bytes; k++)
                made += text_alphabet_put((unsigned char)text.at[k], out + made);
            if (!out)
                return no_memory(p);
            text = (tn_text){out, made};
        }
        p->at[p->n++] = text;
    }
    return TN_OK;
}

static tn_status decode(const tn_tokenizer *t, const int32_t *ids, size_t n, const tn_decode_opt *opt, base_str *out,
                        base_error *e)
{
    parts p = {.e = e};
    tn_status status = collect(t, ids, n, opt, &p);
    for (size_t i = 0; i < t->decoder.n && status == TN_OK; i++)
        status = decode_step(t, &t->decoder.at[i], &p);
    for (size_t i = 0; i < p.n && status == TN_OK; i++) {
        if (i && t->decoder.n == 0)
            base_str_bytes(out, " ", 1); /* no decoder: words, and spaces between them */
        base_str_bytes(out, p.at[i].at, p.at[i].bytes);
    }
    if (status == TN_OK && out->failed)
        status = no_memory(&p);
    base_arena_free(&p.arena);
    return status;
}

tn_status tn_decode(tn_context *context, const tn_tokenizer *tokenizer, const int32_t *ids, size_t n,
                    const tn_decode_opt *opt, char **text, size_t *bytes)
{
    base_error *e = base_context_begin(context);
    base_str out = {0};
    *text = NULL;
    *bytes = 0;
    tn_status status = decode(tokenizer, ids, n, opt, &out, e);
    base_str_bytes(&out, "", 0); /* an empty text is a text */
    if (status == TN_OK && out.failed)
        status = base_no_memory(e, "decoding");
    if (status != TN_OK) {
        base_str_free(&out);
        return status;
    }
    *text = out.text;
    *bytes = out.length;
    return TN_OK;
}

/* ---- id by id -------------------------------------------------------------------------------------------------- */

/* Ids since the last place where the text was whole, and one run before them: what a decoder writes for an id may depend on
 * the one in front, but on no earlier one. */
struct tn_decoder {
    tn_context *context;
    tn_tokenizer *tokenizer;
    tn_decode_opt opt;
    base_vec(int32_t) ids;
    size_t before; /* ids that were given out already */
    size_t sent;   /* bytes of the rest that were */
    base_str given, text;
    base_error err;
};

tn_decoder *tn_decoder_new(tn_context *context, const tn_tokenizer *tokenizer, const tn_decode_opt *opt)
{
    base_error *e = base_context_begin(context);
    tn_decoder *d = calloc(1, sizeof *d);
    if (!d) {
        base_no_memory(e, "making a decoder");
        return NULL;
    }
    d->context = base_context_retain(context);
    d->tokenizer = text_tokenizer_retain(tokenizer);
    d->opt = opt ? *opt : (tn_decode_opt){0};
    return d;
}

void tn_decoder_free(tn_decoder *d)
{
    if (!d)
        return;
    tn_tokenizer_free(d->tokenizer);
    tn_context_free(d->context);
    base_vec_free(&d->ids);
    base_str_free(&d->given);
    base_str_free(&d->text);
    free(d);
}

const char *tn_decoder_error(const tn_decoder *d)
{
    return d ? d->err.text : "";
}

/* Bytes at the end that begin a character which more bytes could complete. */
static size_t cut_off(const char *text, size_t n)
{
    for (size_t k = 1; k <= 3 && k <= n; k++) {
        unsigned char c = (unsigned char)text[n - k];
        if (c >= 0xC2 && c <= 0xF4)
            return k < (c >= 0xF0 ? 4u : c >= 0xE0 ? 3u : 2u) ? k : 0;
        if ((c & 0xC0) != 0x80)
            break;
    }
    return 0;
}

/* What all ids say beyond what the first `before` of them do. */
static tn_status beyond(tn_decoder *d, tn_text *text)
{
    base_str *g = &d->given, *s = &d->text;
    g->length = s->length = 0;
    *text = (tn_text){"", 0};
    BASE_TRY(decode(d->tokenizer, d->ids.at, d->before, &d->opt, g, &d->err));
    BASE_TRY(decode(d->tokenizer, d->ids.at, d->ids.n, &d->opt, s, &d->err));
    size_t same = 0;
    while (same < g->length && same < s->length && g->text[same] == s->text[same])
        same++;
    if (s->length > same)
        *text = (tn_text){s->text + same, s->length - same};
    return TN_OK;
}

tn_status tn_decoder_push(tn_decoder *d, int32_t id, tn_text *text)
{
    base_clear(&d->err);
    *text = (tn_text){"", 0};
    if (!base_vec_push(&d->ids, id))
        return base_no_memory(&d->err, "decoding");
    tn_status status = beyond(d, text);
    if (status != TN_OK) {
        d->ids.n--;
        return status;
    }
    size_t held = cut_off(text->at, text->bytes), all = text->bytes, sent = d->sent < all ? d->sent : all;
    bool whole = all > 0 && held == 0;
    *text = (tn_text){text->at + sent, all - held > sent ? all - held - sent : 0};
    d->sent = whole ? 0 : sent + text->bytes;
    if (!whole)
        return TN_OK;
    memmove(d->ids.at, d->ids.at + d->before, (d->ids.n - d->before) * sizeof *d->ids.at);
    d->ids.n -= d->before;
    d->before = d->ids.n;
    return TN_OK;
}

tn_status tn_decoder_finish(tn_decoder *d, tn_text *text)
{
    base_clear(&d->err);
    BASE_TRY(beyond(d, text));
    size_t sent = d->sent < text->bytes ? d->sent : text->bytes;
    *text = (tn_text){text->at + sent, text->bytes - sent};
    d->ids.n = d->before = d->sent = 0;
    return TN_OK;
}
