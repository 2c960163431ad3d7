/* pairs.c: pairs for translation: data sets of them, and the preparation that says what a source becomes and what the target's ids mean. */
#include "data/text/pairs.h"

#include <stdlib.h>

#include "data/dataset.h"
#include "data/text/hf.h"
#include "data/text/prep.h"
#include "data/text/rows.h"

enum { MOST_LENGTH = 1 << 24, NO_CLASS = -100 };

static void prep_free(void *self)
{
    pairs_prep *p = self;
    if (!p)
        return;
    tn_tokenizer_free(p->source);
    tn_tokenizer_free(p->target);
    free(p);
}

static tn_status check(const pairs_prep *p, base_error *e)
{
    const size_t size = p->target->size;
    if (p->length < 1 || p->target_length < 2 || p->length > MOST_LENGTH || p->target_length > MOST_LENGTH)
        return base_fail(e, TN_INVALID,
                         "pairs of %lld and %lld tokens: a source has 1 to %d, a target 2 at least, as its beginning "
                         "and its end count",
                         (long long)p->length, (long long)p->target_length, MOST_LENGTH);
    if (p->begin >= 0 && p->end >= 0 && (size_t)p->begin < size && (size_t)p->end < size)
        return TN_OK;
    return base_fail(e, TN_NOT_FOUND,
                     "the target's tokenizer has no tokens for begin and end, as <s> and </s>; train it with "
                     "them as special tokens, or name ids that it has");
}

static void find_padding(pairs_prep *p)
{
    const int32_t from = tn_tokenizer_roles(p->source).pad, to = tn_tokenizer_roles(p->target).pad;
    p->pad = from >= 0 ? from : 0;
    p->target_pad = to >= 0 ? to : 0;
}

static tn_preparation *prepare(const tn_tokenizer *source, const tn_tokenizer *target, const tn_pairs_opt *opt,
                               base_error *e)
{
    const tn_token_roles to = tn_tokenizer_roles(target);
    const bool told = opt->begin || opt->end;
    pairs_prep *p = calloc(1, sizeof *p);
    if (!p) {
        base_no_memory(e, "making a preparation");
        return NULL;
    }
    p->source = text_tokenizer_retain(source);
    p->target = text_tokenizer_retain(target);
    p->begin = told ? opt->begin : to.begin;
    p->end = told ? opt->end : to.end;
    p->length = opt->length ? opt->length : 128;
    p->target_length = opt->target_length ? opt->target_length : 128;
    find_padding(p);
    if (check(p, e) == TN_OK)
        return data_preparation_new(&data_prepare_pairs, p, e);
    prep_free(p);
    return NULL;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

static void prep_write(const void *self, format_json_out *w)
{
    const pairs_prep *p = self;
    format_json_put_i64(w, "length", p->length);
    format_json_put_i64(w, "target_length", p->target_length);
    format_json_put_i64(w, "begin", p->begin);
    format_json_put_i64(w, "end", p->end);
    hf_put(w, "source", p->source);
    hf_put(w, "target", p->target);
}

static tn_status prep_parse(const format_json *object, void *self, base_error *e)
{
    pairs_prep *p = self;
    static const char what[] = "pairs preparation";
    const format_json *source = NULL, *target = NULL;
    int64_t begin = 0, end = 0;
    BASE_TRY(format_json_get_object(object, what, "source", &source, e));
    BASE_TRY(format_json_get_object(object, what, "target", &target, e));
    if (!(p->source = hf_read_value(source, what, e)) || !(p->target = hf_read_value(target, what, e)))
        return e ? e->status : TN_FORMAT;
    BASE_TRY(format_json_get_i64(object, what, "length", 1, MOST_LENGTH, &p->length, e));
    BASE_TRY(format_json_get_i64(object, what, "target_length", 1, MOST_LENGTH, &p->target_length, e));
    BASE_TRY(format_json_get_i64(object, what, "begin", 0, INT32_MAX, &begin, e));
    BASE_TRY(format_json_get_i64(object, what, "end", 0, INT32_MAX, &end, e));
    p->begin = (int32_t)begin;
    p->end = (int32_t)end;
    find_padding(p);
    return check(p, e);
}

/* ---- data sets ------------------------------------------------------------------------------------------------- */

/* Without targets it is what is to be translated. */
typedef struct pair_set {
    const tn_preparation *preparation; /* retained */
    const pairs_prep *p;
    text_rows source, target;
} pair_set;

static int64_t row_length(const text_rows *r, int64_t i)
{
    return r->starts[i + 1] - r->starts[i];
}

static tn_status get_pair(void *user, int64_t index, uint64_t key, const tn_sample *out)
{
    const pair_set *s = user;
    const int32_t *from = s->source.ids + s->source.starts[index];
    const int64_t n = row_length(&s->source, index);
    int64_t *x = out->at[0];
    (void)key;
    x[0] = s->p->pad;
    for (int64_t i = 0; i < n; i++)
        x[i] = from[i];
    out->lengths[0] = n > 0 ? n : 1;
    if (!s->target.starts)
        return TN_OK;
    const int32_t *to = s->target.ids + s->target.starts[index];
    const int64_t m = row_length(&s->target, index);
    int64_t *target = out->at[1], *y = out->at[2];
    target[0] = s->p->begin;
    for (int64_t i = 0; i < m; i++)
        target[i + 1] = y[i] = to[i];
    y[m] = s->p->end;
    out->lengths[1] = out->lengths[2] = m + 1;
    return TN_OK;
}

static int64_t pair_length(void *user, int64_t index)
{
    const pair_set *s = user;
    return row_length(&s->source, index) + (s->target.starts ? row_length(&s->target, index) : 0);
}

static void pair_release(void *user)
{
    pair_set *s = user;
    text_rows_free(&s->source);
    text_rows_free(&s->target);
    tn_preparation_free((tn_preparation *)(uintptr_t)s->preparation);
    free(s);
}

static tn_dataset *make_set(pair_set *s, int64_t count, base_error *e)
{
    const pairs_prep *p = s->p;
    tn_field fields[] = {
        {.name = "x", .dtype = TN_I64, .rank = 1, .dims = {p->length}, .varies = true, .pad = p->pad},
        {.name = "target",
         .dtype = TN_I64,
         .rank = 1,
         .dims = {p->target_length},
         .varies = true,
         .pad = p->target_pad},
        {.name = "y", .dtype = TN_I64, .rank = 1, .dims = {p->target_length}, .varies = true, .pad = NO_CLASS}};
    tn_dataset_def def = {.count = count,
                          .fields = fields,
                          .n_fields = s->target.starts ? 3 : 1,
                          .classes = s->target.starts ? (int)p->target->size : 0,
                          .get = get_pair,
                          .length = pair_length,
                          .release = pair_release,
                          .user = s,
                          .preparation = s->preparation};
    tn_dataset *d = data_new(&def, e);
    if (!d)
        pair_release(s);
    return d;
}

/* targets NULL: sources alone. */
static tn_dataset *set_new(const tn_preparation *preparation, const tn_text *sources, const tn_text *targets, size_t n,
                           int threads, const char *folder, base_error *e)
{
    const pairs_prep *p = data_preparation_self(preparation, &data_prepare_pairs);
    pair_set *s = calloc(1, sizeof *s);
    if (!s) {
        base_no_memory(e, "making a data set");
        return NULL;
    }
    s->preparation = data_preparation_retain(preparation);
    s->p = p;
    tn_encode_opt opt = {.plain = true, .unpadded = true, .max_length = (size_t)p->length};
    tn_status status = text_rows_encode(p->source, sources, n, &opt, threads, folder, &s->source, e);
    opt.max_length = (size_t)p->target_length - 1;
    if (status == TN_OK && targets)
        status = text_rows_encode(p->target, targets, n, &opt, threads, folder, &s->target, e);
    if (status == TN_OK)
        return make_set(s, (int64_t)n, e);
    pair_release(s);
    return NULL;
}

tn_dataset *tn_dataset_pairs(tn_context *context, const tn_tokenizer *source, const tn_tokenizer *target,
                             const tn_text *sources, const tn_text *targets, int64_t n, const tn_pairs_opt *opt)
{
    static const tn_pairs_opt none = {0};
    base_error *e = base_context_begin(context);
    tn_preparation *p = prepare(source, target, opt ? opt : &none, e);
    tn_dataset *d = p ? set_new(p, sources, targets, (size_t)(n > 0 ? n : 0), tn_context_threads(context),
                                opt ? opt->folder : NULL, e)
                      : NULL;
    tn_preparation_free(p);
    return d;
}

static tn_dataset *set_of_sources(const tn_preparation *p, const tn_text *lines, size_t n, bool raw, int threads,
                                  base_error *e)
{
    (void)raw;
    return set_new(p, lines, NULL, n, threads, NULL, e);
}

/* A source a line. */
static tn_dataset *prep_open(const tn_preparation *p, const void *self, const data_raw *raw, base_error *e)
{
    (void)self;
    return text_open_lines(p, raw, set_of_sources, true, false, 1, e);
}

const data_prepare data_prepare_pairs = {.kind = "pairs",
                                         .size = sizeof(pairs_prep),
                                         .parse = prep_parse,
                                         .write = prep_write,
                                         .open = prep_open,
                                         .endings = data_prepare_texts,
                                         .free = prep_free};
