/* split.c: the pre-tokenizer: each step cuts the pieces of the step before into smaller ones. Steps that write (a prefix space,
 * Metaspace) make a new buffer and pieces of that. */
#include "data/text/pattern.h"
#include "data/text/unicode.h"
#include "data/text/work.h"

/* Cuts go here: matches and what lies between them, in order; what becomes of a match is the behaviour. */
typedef struct cutter {
    text_work *w;
    text_pieces *to;
    int behaviour;
    size_t first;        /* pieces of the piece being cut begin here */
    bool before, joined; /* the last part was a match; the last piece may take more */
} cutter;

static tn_status put_piece(cutter *c, size_t begin, size_t end)
{
    return base_vec_push(c->to, (text_piece){begin, end}) ? TN_OK : base_no_memory(&c->w->err, "encoding a text");
}

static void start_piece(cutter *c)
{
    c->first = c->to->n;
    c->before = c->joined = false;
}

static tn_status cut(cutter *c, size_t begin, size_t end, bool match)
{
    bool any = c->to->n > c->first, join = false;
    if (begin == end)
        return TN_OK;
    switch (c->behaviour) {
    case TEXT_REMOVED: break;
    case TEXT_WITH_PREVIOUS: join = match && !c->before && any; break;
    case TEXT_WITH_NEXT: join = c->joined && !match && any; break;
    case TEXT_CONTIGUOUS: join = any && match == c->before; break;
    default: break;
    }
    c->before = match;
    c->joined = match;
    if (c->behaviour == TEXT_REMOVED && match)
        return TN_OK;
    if (join) {
        c->to->at[c->to->n - 1].end = end;
        return TN_OK;
    }
    return put_piece(c, begin, end);
}

static tn_status split_text(cutter *c, const text_buffer *b, text_piece p, tn_text find, bool inverted)
{
    size_t kept = p.begin;
    for (size_t i = p.begin; find.bytes && i + find.bytes <= p.end;) {
        if (b->at[i] != find.at[0] || memcmp(b->at + i, find.at, find.bytes) != 0) {
            i++;
            continue;
        }
        BASE_TRY(cut(c, kept, i, inverted));
        BASE_TRY(cut(c, i, i + find.bytes, !inverted));
        kept = i += find.bytes;
    }
    return cut(c, kept, p.end, inverted);
}

static tn_status split_pattern(cutter *c, const text_buffer *b, text_piece p, const text_step *s)
{
    size_t kept = p.begin, begin, end;
    const char *text = b->at + p.begin;
    for (size_t i = 0, n = p.end - p.begin; i <= n;) {
        bool found;
        BASE_TRY(text_pattern_find(s->pattern, text, i, n, &begin, &end, &found, &c->w->err));
        if (!found)
            break;
        BASE_TRY(cut(c, kept, p.begin + begin, s->b));
        BASE_TRY(cut(c, p.begin + begin, p.begin + end, !s->b));
        kept = p.begin + end;
        i = end > begin ? end : end + 1;
    }
    return cut(c, kept, p.end, s->b);
}

static tn_status split_class(cutter *c, const text_buffer *b, text_piece p, int properties)
{
    size_t kept = p.begin, used;
    for (size_t i = p.begin; i < p.end; i += used) {
        if (!(text_properties_of(text_next(b->at + i, b->at + p.end, &used)) & properties))
            continue;
        BASE_TRY(cut(c, kept, i, false));
        BASE_TRY(cut(c, i, i + used, true));
        kept = i + used;
    }
    return cut(c, kept, p.end, false);
}

/* Runs of \w, and runs of what is neither that nor white space. */
static tn_status split_words(cutter *c, const text_buffer *b, text_piece p)
{
    size_t start = p.begin, used;
    int before = 0; /* 0 white space, 1 of a word, 2 other */
    for (size_t i = p.begin; i < p.end; i += used) {
        int properties = text_properties_of(text_next(b->at + i, b->at + p.end, &used));
        int now = properties & (TEXT_WORD | TEXT_JOINER) ? 1 : properties & TEXT_SPACE ? 0 : 2;
        if (now != before) {
            if (before)
                BASE_TRY(put_piece(c, start, i));
            start = i;
            before = now;
        }
    }
    return before ? put_piece(c, start, p.end) : TN_OK;
}

/* White space goes, punctuation stands alone. */
static tn_status split_bert(cutter *c, const text_buffer *b, text_piece p)
{
    size_t start = p.begin, used;
    for (size_t i = p.begin; i < p.end; i += used) {
        int properties = text_properties_of(text_next(b->at + i, b->at + p.end, &used));
        if (!(properties & (TEXT_SPACE | TEXT_PUNCTUATION)))
            continue;
        if (i > start)
            BASE_TRY(put_piece(c, start, i));
        if (!(properties & TEXT_SPACE))
            BASE_TRY(put_piece(c, i, i + used));
        start = i + used;
    }
    return p.end > start ? put_piece(c, start, p.end) : TN_OK;
}

static tn_status split_gpt2(cutter *c, const text_buffer *b, text_piece p)
{
    const char *end = b->at + p.end;
    for (const char *at = b->at + p.begin, *next; at < end; at = next) {
        next = text_gpt2_next(at, end);
        BASE_TRY(put_piece(c, (size_t)(at - b->at), (size_t)(next - b->at)));
    }
    return TN_OK;
}

/* Does the original text begin with this piece? */
static bool is_first(const text_work *w, const text_piece *p)
{
    return w->at_start && p->begin == 0;
}

/* Pieces of a new buffer, in which some have something put in front and, of Metaspace, spaces replaced. */
static tn_status rewrite(text_work *w, const text_step *s)
{
    text_buffer *in = &w->buffer[0], *out = &w->buffer[1];
    bool meta = s->kind == TEXT_P_META;
    tn_text prefix = meta ? s->put : (tn_text){" ", 1};
    w->pieces[1].n = 0;
    out->n = 0;
    out->track = in->track;
    for (size_t i = 0; i < w->pieces[0].n; i++) {
        text_piece p = w->pieces[0].at[i];
        size_t begin = out->n, n = p.end - p.begin;
        bool has = n >= prefix.bytes && memcmp(in->at + p.begin, prefix.at, prefix.bytes) == 0;
        bool wanted = meta ? s->a == TEXT_META_ALWAYS || (s->a == TEXT_META_FIRST && is_first(w, &p)) : s->a;
        if (meta && n && in->at[p.begin] == ' ')
            has = true; /* it becomes one */
        if (wanted && !has)
            text_buffer_put(out, prefix.at, prefix.bytes, in->track ? in->span[p.begin] : (tn_span){0, 0});
        for (size_t k = p.begin, next; k < p.end; k = next) {
            const char *space = meta ? memchr(in->at + k, ' ', p.end - k) : NULL;
            next = space ? (size_t)(space - in->at) : p.end;
            text_buffer_copy(out, in, k, next);
            if (space) {
                text_buffer_put(out, s->put.at, s->put.bytes, in->track ? in->span[next] : (tn_span){0, 0});
                next++;
            }
        }
        if (out->failed || !base_vec_push(&w->pieces[1], (text_piece){begin, out->n}))
            return base_no_memory(&w->err, "encoding a text");
    }
    text_buffer b = *in;
    *in = *out;
    *out = b;
    text_pieces pieces = w->pieces[0];
    w->pieces[0] = w->pieces[1];
    w->pieces[1] = pieces;
    return TN_OK;
}

static tn_status cut_piece(cutter *c, const text_step *s, const text_buffer *b, text_piece p)
{
    start_piece(c);
    switch (s->kind) {
    case TEXT_P_BYTES: return split_gpt2(c, b, p);
    case TEXT_P_META: return split_text(c, b, p, s->put, false);
    case TEXT_P_SPLIT: return s->pattern ? split_pattern(c, b, p, s) : split_text(c, b, p, s->find, s->b);
    case TEXT_P_CLASS: return split_class(c, b, p, s->c);
    case TEXT_P_WORDS: return split_words(c, b, p);
    case TEXT_P_BERT: return split_bert(c, b, p);
    default: return base_fail(&c->w->err, TN_INTERNAL, "a step of kind %d is no pre-tokenizer", (int)s->kind);
    }
}

static tn_status split_once(text_work *w, const text_step *s)
{
    if (s->kind == TEXT_P_META || (s->kind == TEXT_P_BYTES && s->a))
        BASE_TRY(rewrite(w, s));
    if ((s->kind == TEXT_P_META || s->kind == TEXT_P_BYTES) && !s->b)
        return TN_OK;
    cutter c = {.w = w, .to = &w->pieces[1], .behaviour = s->kind == TEXT_P_META ? TEXT_WITH_NEXT : s->a};
    w->pieces[1].n = 0;
    for (size_t i = 0; i < w->pieces[0].n; i++)
        BASE_TRY(cut_piece(&c, s, &w->buffer[0], w->pieces[0].at[i]));
    text_pieces pieces = w->pieces[0];
    w->pieces[0] = w->pieces[1];
    w->pieces[1] = pieces;
    return TN_OK;
}

tn_status text_pretokenize(text_work *w)
{
    const text_steps *steps = &w->t->pretokenizer;
    for (size_t i = 0; i < steps->n; i++)
        BASE_TRY(split_once(w, &steps->at[i]));
    return TN_OK;
}
