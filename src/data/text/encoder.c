/* encoder.c: encoders, and what a row of ids gets around it: truncation, the template's tokens, padding; many texts on
 * several threads. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/room.h"
#include "data/text/work.h"

struct tn_encoder {
    tn_context *context;
    text_work work;
};

static tn_status work_init(text_work *w, const tn_tokenizer *t, base_error *e)
{
    *w = (text_work){.t = t};
    w->cache = calloc(TEXT_CACHED, sizeof *w->cache);
    return w->cache ? TN_OK : base_no_memory(e, "making an encoder");
}

tn_encoder *tn_encoder_new(tn_context *context, const tn_tokenizer *tokenizer)
{
    base_error *e = base_context_begin(context);
    tn_encoder *enc = calloc(1, sizeof *enc);
    if (!enc || work_init(&enc->work, tokenizer, e) != TN_OK) {
        free(enc);
        base_no_memory(e, "making an encoder");
        return NULL;
    }
    enc->context = base_context_retain(context);
    text_tokenizer_retain(tokenizer);
    return enc;
}

void tn_encoder_free(tn_encoder *enc)
{
    if (!enc)
        return;
    tn_tokenizer_free((tn_tokenizer *)(uintptr_t)enc->work.t);
    text_work_clear(&enc->work);
    tn_context_free(enc->context);
    free(enc);
}

const char *tn_encoder_error(const tn_encoder *enc)
{
    return enc ? enc->work.err.text : "";
}

/* ---- one row --------------------------------------------------------------------------------------------------- */

/* What is asked of a row, from the call and from the tokenizer. */
typedef struct row_plan {
    const text_template *template; /* NULL: the texts and nothing else */
    size_t most, pad, multiple;
    bool cut_left, pad_left;
    int32_t pad_id;
    uint8_t pad_type;
} row_plan;

static size_t added_by(const text_template *t)
{
    size_t n = 0;
    for (size_t i = 0; t && i < t->n; i++)
        n += t->at[i].text < 0;
    return n;
}

static row_plan plan_row(const tn_tokenizer *t, const tn_encode_opt *opt, bool pair)
{
    row_plan p = {
        .most = opt->max_length, .pad = opt->pad_to, .cut_left = opt->truncate_left, .pad_left = opt->pad_left};
    if (t->post.present && !opt->plain)
        p.template = pair ? &t->post.pair : &t->post.single;
    if (!p.most && t->truncation.present) {
        p.most = t->truncation.length;
        p.cut_left = t->truncation.left;
    }
    if (!p.pad && t->padding.present && !opt->unpadded) {
        p.pad = t->padding.length;
        p.multiple = t->padding.multiple;
        p.pad_left = t->padding.left;
    }
    tn_token_roles roles = p.pad || p.multiple ? tn_tokenizer_roles(t) : (tn_token_roles){.pad = 0};
    p.pad_id = roles.pad >= 0 ? roles.pad : 0;
    p.pad_type = t->padding.present ? t->padding.pad_type : 0;
    return p;
}

/* Tokens are taken from the longer of the two until both fit. */
static void shorten(size_t n[2], size_t most)
{
    while (n[0] + n[1] > most) {
        size_t over = n[0] + n[1] - most, longer = n[0] > n[1] ? 0 : 1, gap = n[longer] - n[1 - longer];
        if (gap == 0) {
            n[0] -= over / 2;
            n[1] -= over - over / 2;
        } else {
            n[longer] -= over < gap ? over : gap;
        }
    }
}

static tn_status row_room(text_work *w, size_t n, const tn_encode_opt *opt)
{
    if (n <= w->row_capacity && (!opt->spans || w->row_spans) && (!opt->types || w->row_types))
        return TN_OK;
    size_t want = n < 64 ? 64 : n + n / 2;
    w->row_capacity = 0;
    if (!base_grow(&w->row, want * sizeof *w->row) ||
        ((opt->spans || w->row_spans) && !base_grow(&w->row_spans, want * sizeof *w->row_spans)) ||
        ((opt->types || w->row_types) && !base_grow(&w->row_types, want)))
        return base_no_memory(&w->err, "encoding a text");
    w->row_capacity = want;
    return TN_OK;
}

static void put(text_work *w, const tn_encode_opt *opt, size_t *n, int32_t id, tn_span span, uint8_t type)
{
    w->row[*n] = id;
    if (opt->spans)
        w->row_spans[*n] = span;
    if (opt->types)
        w->row_types[*n] = type;
    ++*n;
}

static void put_text(text_work *w, const tn_encode_opt *opt, size_t *n, size_t begin, size_t count, uint8_t type)
{
    if (count == 0)
        return;
    memcpy(w->row + *n, w->ids + begin, count * sizeof *w->row);
    if (opt->spans)
        memcpy(w->row_spans + *n, w->spans + begin, count * sizeof *w->row_spans);
    if (opt->types)
        memset(w->row_types + *n, type, count);
    *n += count;
}

static void pad(text_work *w, const tn_encode_opt *opt, size_t *n, size_t to, const row_plan *p)
{
    while (*n < to)
        put(w, opt, n, p->pad_id, (tn_span){0, 0}, p->pad_type);
}

/* The row of ids in w: text 0 are the first n[0] of them, text 1 the rest, n[1]. */
static tn_status make_row(text_work *w, size_t n[2], bool two, const tn_encode_opt *opt, tn_tokens *out)
{
    row_plan p = plan_row(w->t, opt, two);
    static const text_place first[] = {{.text = 0}}, both[] = {{.text = 0}, {.text = 1, .type = 1}};
    text_template none = {(text_place *)(uintptr_t)(two ? both : first), two ? 2 : 1};
    const text_template *t = p.template ? p.template : &none;
    size_t start[2] = {0, n[0]}, whole[2] = {n[0], n[1]}, extra = added_by(t), made = 0;
    if (p.most && n[0] + n[1] + extra > p.most)
        shorten(n, p.most > extra ? p.most - extra : 0);
    for (int i = 0; p.cut_left && i < 2; i++)
        start[i] += whole[i] - n[i];
    size_t length = extra;
    for (size_t i = 0; i < t->n; i++)
        length += t->at[i].text >= 0 ? n[t->at[i].text] : 0;
    size_t total = length > p.pad ? length : p.pad;
    if (p.multiple > 1)
        total += (p.multiple - total % p.multiple) % p.multiple;
    BASE_TRY(row_room(w, total, opt));
    if (p.pad_left)
        pad(w, opt, &made, total - length, &p);
    size_t begin = made;
    for (size_t i = 0; i < t->n; i++) {
        const text_place *at = &t->at[i];
        if (at->text < 0)
            put(w, opt, &made, at->id, (tn_span){0, 0}, at->type);
        else
            put_text(w, opt, &made, start[at->text], n[at->text], at->type);
    }
    *out = (tn_tokens){.first = begin, .length = made - begin};
    pad(w, opt, &made, total, &p);
    out->n = made;
    out->ids = w->row;
    out->spans = opt->spans ? w->row_spans : NULL;
    out->types = opt->types ? w->row_types : NULL;
    return TN_OK;
}

static tn_status encode_row(text_work *w, const tn_text *texts, int count, const tn_encode_opt *opt, tn_tokens *out)
{
    static const tn_encode_opt none = {0};
    size_t n[2] = {0, 0};
    opt = opt ? opt : &none;
    base_clear(&w->err);
    w->n = 0;
    for (int i = 0; i < count; i++) {
        size_t before = w->n;
        BASE_TRY(text_encode(w, texts[i].at, texts[i].bytes, opt->spans));
        n[i] = w->n - before;
    }
    const tn_tokenizer *t = w->t;
    bool as_is = count == 1 && !opt->types && (opt->plain || !t->post.present) && !opt->max_length && !opt->pad_to &&
                 !t->truncation.present && (!t->padding.present || opt->unpadded);
    if (!as_is)
        return make_row(w, n, count == 2, opt, out);
    BASE_TRY(text_work_room(w, 1)); /* an empty text has ids, too: none of them */
    *out = (tn_tokens){.n = w->n, .ids = w->ids, .spans = opt->spans ? w->spans : NULL, .length = w->n};
    return TN_OK;
}

tn_status tn_encode(tn_encoder *enc, const char *text, size_t bytes, const tn_encode_opt *opt, tn_tokens *tokens)
{
    return encode_row(&enc->work, &(tn_text){text, bytes}, 1, opt, tokens);
}

tn_status tn_encode_pair(tn_encoder *enc, tn_text first, tn_text second, const tn_encode_opt *opt, tn_tokens *tokens)
{
    return encode_row(&enc->work, (tn_text[2]){first, second}, 2, opt, tokens);
}

/* ---- many rows ------------------------------------------------------------------------------------------------- */

/* Texts are taken by the threads in runs; each run's ids stay where they were made until all are done. */
enum { RUN = 64, MOST_THREADS = 64 };

typedef struct run {
    int32_t *ids;
    size_t n;
} run;

typedef struct batch {
    const tn_tokenizer *t;
    const tn_text *texts;
    size_t n, runs;
    const tn_encode_opt *opt;
    run *run;
    int64_t *starts;
    atomic_size_t next;
    atomic_bool stop;
    pthread_mutex_t lock; /* of the error */
    size_t failed;        /* the first text that failed */
    base_error err;
} batch;

static void fail(batch *b, size_t i, const base_error *e)
{
    pthread_mutex_lock(&b->lock);
    if (i < b->failed) {
        b->failed = i;
        b->err = *e;
    }
    pthread_mutex_unlock(&b->lock);
    atomic_store(&b->stop, true);
}

static void encode_run(batch *b, text_work *w, size_t r)
{
    size_t end = (r + 1) * RUN < b->n ? (r + 1) * RUN : b->n, capacity = 0;
    run *to = &b->run[r];
    for (size_t i = r * RUN; i < end; i++) {
        tn_tokens e;
        if (encode_row(w, &b->texts[i], 1, b->opt, &e) != TN_OK) {
            fail(b, i, &w->err);
            return;
        }
        if (!text_grow((void **)&to->ids, &capacity, to->n + e.n, sizeof *to->ids)) {
            base_no_memory(&w->err, "encoding texts");
            fail(b, i, &w->err);
            return;
        }
        if (e.n)
            memcpy(to->ids + to->n, e.ids, e.n * sizeof *to->ids);
        to->n += e.n;
        b->starts[i + 1] = (int64_t)e.n;
    }
}

static void *batch_thread(void *user)
{
    batch *b = user;
    text_work w;
    base_error e = {0};
    if (work_init(&w, b->t, &e) != TN_OK) {
        fail(b, 0, &e);
        return NULL;
    }
    for (size_t r; !atomic_load(&b->stop) && (r = atomic_fetch_add(&b->next, 1)) < b->runs;)
        encode_run(b, &w, r);
    text_work_clear(&w);
    return NULL;
}

/* All runs one after the other in *rows. */
static tn_status gather(batch *b, tn_token_rows *rows, base_error *e)
{
    size_t total = 0, at = 0;
    for (size_t i = 0; i < b->n; i++)
        b->starts[i + 1] += b->starts[i];
    total = (size_t)b->starts[b->n];
    rows->ids = malloc((total + 1) * sizeof *rows->ids);
    if (!rows->ids)
        return base_no_memory(e, "encoding texts");
    for (size_t r = 0; r < b->runs; r++) {
        if (b->run[r].n)
            memcpy(rows->ids + at, b->run[r].ids, b->run[r].n * sizeof *rows->ids);
        at += b->run[r].n;
    }
    rows->starts = b->starts;
    rows->rows = b->n;
    b->starts = NULL;
    return TN_OK;
}

tn_status text_encode_batch(const tn_tokenizer *t, const tn_text *texts, size_t n, const tn_encode_opt *opt,
                            int threads, tn_token_rows *rows, base_error *e)
{
    batch b = {.t = t, .texts = texts, .n = n, .runs = (n + RUN - 1) / RUN, .opt = opt, .failed = SIZE_MAX};
    pthread_t thread[MOST_THREADS];
    int started = 0;
    *rows = (tn_token_rows){0};
    b.run = calloc(b.runs + 1, sizeof *b.run);
    b.starts = calloc(n + 1, sizeof *b.starts);
    if (!b.run || !b.starts || pthread_mutex_init(&b.lock, NULL) != 0) {
        free(b.run);
        free(b.starts);
        return base_no_memory(e, "encoding texts");
    }
    for (int i = 1; i < threads && i < MOST_THREADS && (size_t)i < b.runs; i++)
        started += pthread_create(&thread[started], NULL, batch_thread, &b) == 0;
    batch_thread(&b);
    for (int i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    tn_status status;
    if (atomic_load(&b.stop)) {
        status = b.err.status;
        if (e) {
            *e = b.err;
            base_prefix(e, "text %zu: ", b.failed);
        }
    } else {
        status = gather(&b, rows, e);
    }
    for (size_t r = 0; r < b.runs; r++)
        free(b.run[r].ids);
    free(b.run);
    free(b.starts);
    pthread_mutex_destroy(&b.lock);
    return status;
}

tn_status tn_encode_batch(tn_context *context, const tn_tokenizer *tokenizer, const tn_text *texts, size_t n,
                          const tn_encode_opt *opt, tn_token_rows *rows)
{
    base_error *e = base_context_begin(context);
    return text_encode_batch(tokenizer, texts, n, opt, tn_context_threads(context), rows, e);
}

void tn_token_rows_free(tn_token_rows *rows)
{
    free(rows->starts);
    free(rows->ids);
    *rows = (tn_token_rows){0};
}
