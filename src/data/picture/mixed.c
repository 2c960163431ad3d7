/* mixed.c: samples mixed with others of their set by mixup or CutMix, each by its own key; see mix.c for whole batches. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/philox.h"
#include "data/dataset.h"
#include "data/picture/mix.h"

typedef struct mixed {
    tn_dataset *from;
    tn_mix_opt opt;
    int x, y;
    int64_t planes, height, width; /* of x */
    size_t bytes;
} mixed;

static void blend(const mixed *m, void *x, const void *other, double l)
{
    bool bytes = tn_dataset_field(m->from, m->x)->dtype == TN_U8;
    int64_t n = m->planes * m->height * m->width;
    float a = (float)l, b = (float)(1 - l);
    for (int64_t i = 0; i < n && bytes; i++)
        ((uint8_t *)x)[i] = (uint8_t)(a * (float)((uint8_t *)x)[i] + b * (float)((const uint8_t *)other)[i] + 0.5f);
    for (int64_t i = 0; i < n && !bytes; i++)
        ((float *)x)[i] = a * ((float *)x)[i] + b * ((const float *)other)[i];
}

/* The rectangle of the other; gives the part of x that is left. */
static double cut(const mixed *m, char *x, const char *other, double l, base_random *r)
{
    int64_t box[4];
    size_t size = m->bytes / (size_t)(m->planes * m->height * m->width);
    mix_box(r, l, m->width, m->height, box);
    for (int64_t p = 0; p < m->planes; p++)
        for (int64_t y = box[1]; y < box[3]; y++) {
            size_t at = (size_t)((p * m->height + y) * m->width + box[0]) * size;
            memcpy(x + at, other + at, (size_t)(box[2] - box[0]) * size);
        }
    return 1 - (double)((box[2] - box[0]) * (box[3] - box[1])) / ((double)m->width * (double)m->height);
}

static void write_probabilities(const mixed *m, float *y, int64_t label, int64_t other, double l)
{
    int classes = tn_dataset_classes(m->from);
    for (int c = 0; c < classes; c++)
        y[c] = (float)(m->opt.smoothing / classes);
    y[label] += (float)(l * (1 - m->opt.smoothing));
    y[other] += (float)((1 - l) * (1 - m->opt.smoothing));
}

/* Among what is read: all of the set, or the part of it that was cut out. */
static int64_t partner_of(const mixed *m, const data_among *among, base_random *r)
{
    const int64_t count = m->from->def.count;
    return among ? data_other(among, count, base_random_below(r, INT64_MAX))
                 : (int64_t)base_random_below(r, (uint64_t)count);
}

static tn_status mixed_get(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    const mixed *m = user;
    base_error *e = sample->inside;
    base_random r = base_random_new(key, 0x6d6978);
    int64_t label = 0, other_label = 0;
    char *other = NULL;
    void *at[2];
    double l = 1;
    at[m->x] = sample->at[m->x];
    at[m->y] = &label;
    BASE_TRY(data_get_among(m->from, index, key, at, NULL, sample->among, e));
    bool mixes = base_random_f64(&r) < m->opt.probability;
    if (mixes) {
        bool cuts = m->opt.cutmix > 0 && (m->opt.mixup == 0 || base_random_f64(&r) < 0.5);
        other = malloc(m->bytes);
        if (!other)
            return base_no_memory(e, "mixing samples");
        at[m->x] = other;
        at[m->y] = &other_label;
        int64_t partner = partner_of(m, sample->among, &r);
        tn_status status = data_get_among(m->from, partner, base_philox_key(key, 1), at, NULL, sample->among, e);
        l = mix_beta(&r, cuts ? m->opt.cutmix : m->opt.mixup);
        if (status == TN_OK && cuts)
            l = cut(m, sample->at[m->x], other, l, &r);
        else if (status == TN_OK)
            blend(m, sample->at[m->x], other, l);
        free(other);
        BASE_TRY(status);
    }
    write_probabilities(m, sample->at[m->y], label, mixes ? other_label : label, l);
    return TN_OK;
}

static void mixed_release(void *user)
{
    mixed *m = user;
    tn_dataset_free(m->from);
    free(m);
}

static tn_status check(const tn_dataset *d, const tn_mix_opt *o, base_error *e)
{
    int x = tn_dataset_find(d, "x"), y = tn_dataset_find(d, "y");
    const tn_field *f = tn_dataset_field(d, x), *g = tn_dataset_field(d, y);
    if (tn_dataset_fields(d) != 2 || !f || !g || tn_dataset_classes(d) < 1 || g->rank != 0 || f->varies ||
        (f->dtype != TN_U8 && f->dtype != TN_F32) || d->def.count < 1)
        return base_fail(e, TN_SHAPE, "samples are mixed where \"x\" is u8 or f32 and \"y\" a class number");
    if (!(o->mixup >= 0 && o->cutmix >= 0 && o->mixup < 1e6 && o->cutmix < 1e6) || (o->cutmix > 0 && f->rank != 3) ||
        !(o->probability >= 0 && o->probability <= 1) || !(o->smoothing >= 0 && o->smoothing < 1))
        return base_fail(e, TN_INVALID,
                         "mixup and cutmix are at least 0 (cutmix for [channels, height, width]), "
                         "probability lies in 0 to 1, smoothing in [0, 1)");
    return TN_OK;
}

tn_dataset *tn_dataset_mix(tn_context *context, const tn_dataset *d, const tn_mix_opt *opt)
{
    base_error *e = base_context_begin(context);
    if (!d || !opt) {
        base_fail(e, TN_INVALID, "mixing needs a data set, and mixup or cutmix above 0");
        return NULL;
    }
    if (check(d, opt, e) != TN_OK)
        return NULL;
    mixed *m = calloc(1, sizeof *m);
    if (!m) {
        base_no_memory(e, "making a data set");
        return NULL;
    }
    *m = (mixed){.from = data_retain(d), .opt = *opt, .x = tn_dataset_find(d, "x"), .y = tn_dataset_find(d, "y")};
    m->opt.probability = opt->mixup == 0 && opt->cutmix == 0 ? 0 : opt->probability > 0 ? opt->probability : 1;
    const tn_field *x = tn_dataset_field(d, m->x);
    m->bytes = d->bytes[m->x];
    m->height = x->rank > 1 ? x->dims[x->rank - 2] : 1;
    m->width = x->rank > 0 ? x->dims[x->rank - 1] : 1;
    m->planes = (int64_t)(m->bytes / tn_dtype_size(x->dtype)) / (m->height * m->width);
    tn_field fields[2];
    tn_dataset_def def = data_def_like(d);
    memcpy(fields, d->def.fields, sizeof fields);
    fields[m->y] = (tn_field){.name = "y", .dtype = TN_F32, .rank = 1, .dims = {def.classes}};
    def.fields = fields;
    def.count = d->def.count;
    def.get = mixed_get;
    def.release = mixed_release;
    def.user = m;
    tn_dataset *result = data_new(&def, e);
    if (result)
        result->mixes = true;
    else
        mixed_release(m);
    return result;
}
