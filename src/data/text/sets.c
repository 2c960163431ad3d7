/* sets.c: data sets of texts. All are encoded when the set is made, on the threads of the context, and kept as 32-bit ids, in memory or in a
 * file (rows.h). */
#include <stdlib.h>

#include "base/philox.h"
#include "data/dataset.h"
#include "data/text/prep.h"
#include "data/text/rows.h"

enum { NO_CLASS = -100 };

typedef struct text_set {
    const tn_preparation *preparation; /* retained */
    const text_prep *p;
    text_rows rows;
    int64_t *labels;
    tn_text_task task;
    int32_t mask;
    int64_t stride; /* windows: tokens from one to the next; 0: a row is a sample */
    bool shift;
} text_set;

/* ---- masking --------------------------------------------------------------------------------------------------- */

static bool may_hide(const tn_tokenizer *t, int64_t id)
{
    const text_added *a = text_added_of(t, (int32_t)id);
    return !a || !a->special;
}

static void hide(const tn_tokenizer *t, int32_t mask, int64_t *x, int64_t *y, base_philox r)
{
    *y = *x;
    if (r.v[1] < 0xCCCCCCCDu) /* 80% */
        *x = mask;
    else if (r.v[1] < 0xE6666667u) /* 10% */
        *x = (int64_t)((uint64_t)r.v[2] * t->size >> 32);
}

void text_mask(const tn_tokenizer *t, int32_t mask, int64_t *x, int64_t *y, int64_t n, double part, uint64_t key)
{
    int64_t able = 0, hidden = 0, k = 0;
    for (int64_t i = 0; i < n; i++) {
        base_philox r = base_philox_at(key, (uint64_t)i, 0);
        bool can = may_hide(t, x[i]);
        able += can;
        y[i] = NO_CLASS;
        if (can && (double)r.v[0] * 0x1p-32 < part) {
            hide(t, mask, &x[i], &y[i], r);
            hidden++;
        }
    }
    if (hidden || !able)
        return;
    /* A text of which nothing is asked would be no sample. */
    int64_t chosen = (int64_t)((uint64_t)base_philox_at(key, 0, 1).v[0] * (uint64_t)able >> 32);
    for (int64_t i = 0; i < n; i++)
        if (may_hide(t, x[i]) && k++ == chosen)
            hide(t, mask, &x[i], &y[i], base_philox_at(key, 1, 1));
}

tn_status tn_text_mask(tn_context *context, const tn_tokenizer *tokenizer, int64_t *x, int64_t *y, int64_t n,
                       double part, uint64_t key)
{
    base_error *e = base_context_begin(context);
    int32_t mask = tn_tokenizer_roles(tokenizer).mask;
    if (mask < 0)
        return base_fail(e, TN_NOT_FOUND, "the tokenizer has no token to hide others behind, as [MASK] or <mask>");
    text_mask(tokenizer, mask, x, y, n, part, key);
    return TN_OK;
}

/* ---- samples --------------------------------------------------------------------------------------------------- */

/* n values filled up to `length`, on the left or on the right. */
static void fill(int64_t *at, int64_t n, int64_t length, bool left, int64_t value)
{
    int64_t first = left ? 0 : n, end = left ? length - n : length;
    if (left)
        memmove(at + end, at, (size_t)n * sizeof *at);
    for (int64_t i = first; i < end; i++)
        at[i] = value;
}

/* Lengths are told, or places filled up if samples are all of one length. */
static void finish(const text_set *s, const tn_sample *out, int64_t *x, int64_t *y, int64_t n)
{
    if (s->p->fixed || s->stride) {
        fill(x, n, s->p->length, s->p->pad_left, s->p->pad);
        if (y)
            fill(y, n, s->p->length, s->p->pad_left, NO_CLASS);
        return;
    }
    out->lengths[0] = n;
    if (y)
        out->lengths[1] = n;
}

static tn_status get_text(void *user, int64_t index, uint64_t key, const tn_sample *out)
{
    const text_set *s = user;
    const int32_t *ids = s->rows.ids + s->rows.starts[index];
    int64_t n = s->rows.starts[index + 1] - s->rows.starts[index], *x = out->at[0], *y = NULL;
    bool next = s->task == TN_TEXT_NEXT;
    int64_t kept = next ? n - 1 : n;
    for (int64_t i = 0; i < kept; i++)
        x[i] = ids[i];
    if (kept < 1) { /* an empty text: one place of padding, of which nothing is asked */
        x[0] = n == 1 ? ids[0] : s->p->pad;
        kept = 1;
    }
    if (s->task == TN_TEXT_CLASSES) {
        memcpy(out->at[1], &s->labels[index], sizeof *s->labels);
    } else if (next) {
        y = out->at[1];
        y[0] = NO_CLASS;
        for (int64_t i = 0; i + 1 < n; i++)
            y[i] = ids[i + 1];
    } else if (s->task == TN_TEXT_MASKED) {
        y = out->at[1];
        text_mask(s->p->t, s->mask, x, y, kept, s->p->mask, key);
    }
    finish(s, out, x, y, kept);
    return TN_OK;
}

static tn_status get_window(void *user, int64_t index, uint64_t key, const tn_sample *out)
{
    const text_set *s = user;
    const bool masked = s->task == TN_TEXT_MASKED;
    const int64_t length = s->p->length, last = s->rows.starts[s->rows.n] - length - !masked;
    int64_t start = index * s->stride, *x = out->at[0], *y = out->at[1];
    if (s->shift)
        start += (int64_t)(base_mix(key) % (uint64_t)s->stride);
    start = start > last ? last : start;
    for (int64_t i = 0; i < length; i++) {
        x[i] = s->rows.ids[start + i];
        y[i] = masked ? NO_CLASS : s->rows.ids[start + i + 1];
    }
    if (masked)
        text_mask(s->p->t, s->mask, x, y, length, s->p->mask, key);
    return TN_OK;
}

static int64_t get_label(void *user, int64_t index)
{
    return ((const text_set *)user)->labels[index];
}

static int64_t get_length(void *user, int64_t index)
{
    const text_set *s = user;
    return s->rows.starts[index + 1] - s->rows.starts[index];
}

static void release(void *user)
{
    text_set *s = user;
    text_rows_free(&s->rows);
    tn_preparation_free((tn_preparation *)(uintptr_t)s->preparation);
    free(s->labels);
    free(s);
}

/* A set without rows yet. */
static text_set *set_new(const tn_preparation *preparation, base_error *e)
{
    const text_prep *p = data_preparation_self(preparation, &data_prepare_text);
    text_set *s = p ? calloc(1, sizeof *s) : NULL;
    if (!p)
        base_fail(e, TN_INVALID, "the preparation is not one of texts");
    else if (!s)
        base_no_memory(e, "making a data set");
    if (!s)
        return NULL;
    s->preparation = data_preparation_retain(preparation);
    s->p = p;
    s->task = p->task;
    s->mask = tn_tokenizer_roles(p->t).mask;
    return s;
}

static tn_dataset *make_set(text_set *s, int64_t count, base_error *e)
{
    const text_prep *p = s->p;
    bool varies = !p->fixed && !s->stride, class = s->task == TN_TEXT_CLASSES;
    tn_field fields[2] = {
        {.name = "x", .dtype = TN_I64, .rank = 1, .dims = {p->length}, .varies = varies, .pad = (double)p->pad},
        {.name = "y",
         .dtype = TN_I64,
         .rank = !class,
         .dims = {class ? 0 : p->length},
         .varies = varies && !class,
         .pad = NO_CLASS}};
    tn_dataset_def def = {.count = count,
                          .fields = fields,
                          .n_fields = s->task == TN_TEXT_ALONE ? 1 : 2,
                          .classes = class                      ? p->classes
                                     : s->task == TN_TEXT_ALONE ? 0
                                                                : (int)p->t->size,
                          .class_names = class ? (const char *const *)p->class_names : NULL,
                          .get = s->stride ? get_window : get_text,
                          .label = class ? get_label : NULL,
                          .length = varies ? get_length : NULL,
                          .release = release,
                          .user = s,
                          .preparation = s->preparation};
    tn_dataset *d = data_new(&def, e);
    if (!d)
        release(s);
    return d;
}

static tn_status check_labels(const text_prep *p, const int64_t *labels, size_t n, base_error *e)
{
    for (size_t i = 0; i < n; i++)
        if (labels[i] < 0 || labels[i] >= p->classes)
            return base_fail(e, TN_INVALID, "text %zu has class %lld; classes are 0 to %d", i, (long long)labels[i],
                             p->classes - 1);
    return TN_OK;
}

tn_dataset *text_set_new(const tn_preparation *preparation, const tn_text *texts, size_t n, const int64_t *labels,
                         bool raw, int threads, const char *folder, base_error *e)
{
    text_set *s = set_new(preparation, e);
    if (!s)
        return NULL;
    const text_prep *p = s->p;
    if (raw)
        s->task = TN_TEXT_ALONE;
    tn_encode_opt opt = {.plain = p->plain,
                         .unpadded = true,
                         .max_length = (size_t)p->length + (s->task == TN_TEXT_NEXT),
                         .truncate_left = p->truncate_left};
    tn_status status = TN_OK;
    if (s->task == TN_TEXT_CLASSES) {
        status = labels ? check_labels(p, labels, n, e) : base_fail(e, TN_INVALID, "texts with classes need labels");
        s->labels = status == TN_OK ? malloc((n + 1) * sizeof *labels) : NULL;
        if (status == TN_OK && !s->labels)
            status = base_no_memory(e, "making a data set");
        if (s->labels && n)
            memcpy(s->labels, labels, n * sizeof *labels);
    }
    if (status == TN_OK)
        status = text_rows_encode(p->t, texts, n, &opt, threads, folder, &s->rows, e);
    if (status == TN_OK)
        return make_set(s, (int64_t)n, e);
    release(s);
    return NULL;
}

tn_dataset *tn_dataset_texts(tn_context *context, const tn_preparation *preparation, const tn_text *texts, int64_t n,
                             const int64_t *labels)
{
    return tn_dataset_texts_kept(context, preparation, texts, n, labels, NULL);
}

tn_dataset *tn_dataset_texts_kept(tn_context *context, const tn_preparation *preparation, const tn_text *texts,
                                  int64_t n, const int64_t *labels, const char *folder)
{
    return text_set_new(preparation, texts, (size_t)(n > 0 ? n : 0), labels, false, tn_context_threads(context), folder,
                        base_context_begin(context));
}

/* All texts as rows. On their way to a file long ones go in pieces, unless the tokenizer puts something around each. */
static tn_status encode_long(text_set *s, const tn_text *texts, size_t n, int threads, const char *folder,
                             base_error *e)
{
    const tn_encode_opt opt = {.plain = s->p->plain, .unpadded = true};
    tn_text *pieces = NULL;
    size_t count = n;
    const bool cuts = folder && s->p->plain;
    if (cuts)
        BASE_TRY(text_rows_cut(texts, n, &pieces, &count, e));
    const tn_status status =
        text_rows_encode(s->p->t, cuts ? pieces : texts, count, &opt, threads, folder, &s->rows, e);
    free(pieces);
    return status;
}

tn_dataset *tn_dataset_windows(tn_context *context, const tn_preparation *preparation, const tn_text *texts, int64_t n,
                               const tn_windows_opt *opt)
{
    base_error *e = base_context_begin(context);
    text_set *s = set_new(preparation, e);
    if (!s)
        return NULL;
    const bool masked = s->task == TN_TEXT_MASKED;
    int64_t length = s->p->length, need = length + !masked, total = 0;
    s->stride = opt && opt->stride ? opt->stride : length;
    s->shift = opt && opt->shift;
    tn_status status = TN_OK;
    if ((s->task != TN_TEXT_NEXT && !masked) || s->stride < 1)
        status = base_fail(e, TN_INVALID,
                           "windows are for the tasks TN_TEXT_NEXT and TN_TEXT_MASKED, with a stride of at least 1");
    if (status == TN_OK)
        status =
            encode_long(s, texts, (size_t)(n > 0 ? n : 0), tn_context_threads(context), opt ? opt->folder : NULL, e);
    if (status == TN_OK && (total = s->rows.starts[s->rows.n]) < need)
        status = base_fail(e, TN_INVALID, "the text has %lld tokens; a window of %lld%s needs %lld", (long long)total,
                           (long long)length, masked ? "" : " and what follows", (long long)need);
    if (status == TN_OK)
        return make_set(s, (total - need) / s->stride + 1, e);
    release(s);
    return NULL;
}
